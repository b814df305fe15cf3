"""The first line of each phone of a file, in 24 bytes a phone at most: a dict takes 100."""

from __future__ import annotations

from array import array

FIRST_SLOTS = 2**10
FULL = 0.6  # share of the slots in use beyond which there are twice as many
_GOLDEN = 0x9E3779B97F4A7C15  # spreads numbers in a row over the whole table
_MASK = 2**64 - 1


class PhoneLines:
    """An open-addressed table. Phones are numbers above 0, as E.164 has them without the plus."""

    def __init__(self) -> None:
        self._count = 0
        self._make(FIRST_SLOTS)

    def first(self, phone: int, line: int) -> int:
        """The line that was given with this phone first; from now on `line`, if there was none."""
        slot = self._slot(phone)
        if not self._phones[slot]:
            self._phones[slot], self._lines[slot] = phone, line
            self._count += 1
            if self._count > FULL * len(self._phones):
                self._grow()
            return line
        return self._lines[slot]

    def _slot(self, phone: int) -> int:
        """Where the phone is, or is to be."""
        phones, last = self._phones, len(self._phones) - 1
        slot = ((phone * _GOLDEN) & _MASK) >> self._shift
        while phones[slot] and phones[slot] != phone:
            slot = (slot + 1) & last
        return slot

    def _make(self, slots: int) -> None:
        self._phones, self._lines = array("Q", bytes(8 * slots)), array("I", bytes(4 * slots))
        self._shift = 64 - (slots.bit_length() - 1)

    def _grow(self) -> None:
        phones, lines = self._phones, self._lines
        self._make(2 * len(phones))
        for phone, line in zip(phones, lines, strict=True):
            if phone:
                slot = self._slot(phone)
                self._phones[slot], self._lines[slot] = phone, line
