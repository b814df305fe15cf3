"""How the processes that send share the numbers: evenly, and in turns if there are too few.

A process asks for a number by writing its name into the row of one that another process holds; the
holder, who reads the row before each reservation, lets it go if the other has at least two fewer,
or none while its own turn is over, and at once when it has nothing left to send. What it has
reserved it still sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F

from phonepool.models import PhoneNumber
from phonepool.numbers import leases
from phonepool.numbers.leases import Sender

LATE_SECONDS = 0.5  # after its last slot a number that is let go may still be sent from
FAIR_DIFFERENCE = 2  # numbers that another process must have more than the one that asks
LET_GO = """
UPDATE phonepool_phonenumber
   SET renewals = renewals + 1, held_at = %(now)s,
       lease_seconds = CASE WHEN next_slot - %(now)s + %(late)s > %(least)s
                            THEN next_slot - %(now)s + %(late)s ELSE %(least)s END
 WHERE id = %(id)s AND holder = %(me)s
RETURNING lease_seconds
"""


def let_go(sender: Sender, numbers: Sequence[PhoneNumber], now: datetime) -> None:
    """Lets go of the numbers that others ask for and are to have."""
    asked = [number for number in numbers if _is_asked_for(number, sender)]
    if not asked:
        return
    held = leases.by_holder(sender, numbers, now)
    for number in asked:
        mine, theirs = held[sender.name], held[number.wanted_by]
        its_turn = theirs == 0 and sender.turn(number.pk) >= settings.NUMBER_TURN_SECONDS
        if mine - theirs >= FAIR_DIFFERENCE or its_turn:
            _let_go(sender, number, now)
            held[sender.name] -= 1


def _is_asked_for(number: PhoneNumber, sender: Sender) -> bool:
    """A name from before this turn is of a process that had it meanwhile, or died."""
    by_another = number.wanted_by not in ("", sender.name)
    return by_another and sender.holds(number) and not sender.is_new(number.pk)


@contextmanager
def sending(sender: Sender, clock: Callable[[], datetime]) -> Iterator[None]:
    """A batch is sent in the block. With the last one, the numbers that others ask for go to them:
    what those have claimed need not wait until the leases are over."""
    sender.begin_batch()
    try:
        yield
    finally:
        if sender.end_batch():
            with suppress(DatabaseError, InterfaceError):  # the leases end by themselves
                _let_go_all_asked_for(sender, clock())


def _let_go_all_asked_for(sender: Sender, now: datetime) -> None:
    mine = PhoneNumber.objects.filter(holder=sender.name).exclude(wanted_by="")
    for number in mine:
        if _is_asked_for(number, sender):
            _let_go(sender, number, now)


def _let_go(sender: Sender, number: PhoneNumber, now: datetime) -> None:
    began, moment = sender.clock(), now.timestamp()
    least = max(0.0, number.next_slot - moment) + LATE_SECONDS
    sender.let_go(number.pk, began + least)  # before the others may read it
    with connection.cursor() as cursor:
        cursor.execute(
            LET_GO,
            {
                "id": number.pk,
                "me": sender.name,
                "now": moment,
                "late": LATE_SECONDS,
                "least": least,
            },
        )
        row = cursor.fetchone()
    if row is not None:
        sender.send_until(number.pk, began + row[0])


def ask(sender: Sender, numbers: Sequence[PhoneNumber], now: datetime) -> None:
    """Asks for one more number if others have more than their share; for one at a time."""
    others = [number for number in numbers if sender.is_anothers(number, now)]
    if not others or any(number.wanted_by == sender.name for number in others):
        return
    held = leases.by_holder(sender, numbers, now)
    mine = held[sender.name]
    free = [
        number
        for number in others
        if not number.wanted_by and (mine == 0 or held[number.holder] - mine >= FAIR_DIFFERENCE)
    ]
    if free:
        most = max(free, key=lambda number: (held[number.holder], number.pk))
        same = PhoneNumber.objects.filter(pk=most.pk, holder=most.holder, wanted_by="")
        same.update(wanted_by=sender.name)


def release(sender: Sender, now: datetime) -> int:
    """The process ends and sends nothing more: its numbers are free a second later; how many."""
    mine = PhoneNumber.objects.filter(holder=sender.name)
    for pk in mine.values_list("pk", flat=True):
        sender.let_go(pk, sender.clock())
    return mine.update(renewals=F("renewals") + 1, lease_seconds=0.0, held_at=now.timestamp())
