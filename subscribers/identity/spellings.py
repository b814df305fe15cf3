"""WhatsApp's own spellings of a phone where they differ from E.164. Pure; no number is looked up.

WhatsApp names people by an id that it once made of their phone and keeps when a numbering plan
changes: without the ninth digit of Brazil's mobiles, with the 1 that Mexico's had after +52 until
2019, with the 9 that Argentina's have after +54 when they are called from abroad. Lists of people
have either form, and Argentina's also with the 15 that they have when called at home.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import phonenumbers

# A landline of Brazil begins with 2 to 5 after the area code and has no ninth digit: adding one, or
# removing it from a mobile that was given out with it, would make another person's number.
_BRAZIL = re.compile(r"([1-9][1-9])9?([6-9]\d{7})")
_MEXICO = re.compile(r"1?([1-9]\d{9})")
_ARGENTINA = re.compile(r"9?([1-9]\d{9})")
_ARGENTINA_AT_HOME = re.compile(r"9?([1-9]\d{11})")
_AREA_LENGTHS = (2, 3, 4)  # digits of Argentina's area codes


def spellings(phone: str) -> tuple[str, ...]:
    """Every spelling of an E.164 number, `phone` itself first; most countries have only one."""
    country = phone[:3]
    if country not in _NATIONAL_SPELLINGS:
        return (phone,)
    return _spellings_in(country, phone)


def shared_spelling(phone: str) -> str:
    """The same one for every spelling of a phone: tells whether two are of one person."""
    return min(spellings(phone))


@lru_cache(4096)
def _spellings_in(country: str, phone: str) -> tuple[str, ...]:
    others = (country + national for national in _NATIONAL_SPELLINGS[country](phone[3:]))
    return (phone, *(other for other in others if other != phone))


def _brazil(national: str) -> list[str]:
    if not (found := _BRAZIL.fullmatch(national)):
        return []
    area, line = found.groups()
    return [f"{area}9{line}", f"{area}{line}"]


def _mexico(national: str) -> list[str]:
    found = _MEXICO.fullmatch(national)
    return [found[1], f"1{found[1]}"] if found else []


def _argentina(national: str) -> list[str]:
    line = _argentine_line(national)
    if not line:
        return []
    area = _area_length(line)
    at_home = [f"{line[:area]}15{line[area:]}"] if area else []
    return [f"9{line}", line, *at_home]


def _argentine_line(national: str) -> str:
    """Area code and subscriber number, ten digits, without the marks of a mobile; or ''."""
    if found := _ARGENTINA.fullmatch(national):
        return found[1]
    if found := _ARGENTINA_AT_HOME.fullmatch(national):
        for area in _AREA_LENGTHS:
            line = found[1][:area] + found[1][area + 2 :]
            if found[1][area : area + 2] == "15" and _area_length(line) == area:
                return line
    return ""


def _area_length(line: str) -> int:
    number = phonenumbers.PhoneNumber(country_code=54, national_number=int(line))
    return phonenumbers.length_of_geographical_area_code(number)


_NATIONAL_SPELLINGS: dict[str, Callable[[str], list[str]]] = {
    "+55": _brazil,
    "+52": _mexico,
    "+54": _argentina,
}
