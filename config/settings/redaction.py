"""What must not leave the process in a log line or an error report: one set of rules for both.

Every rule is linear in the text: repetitions are bounded, or end at a character they do not take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from masking.phones import HIDDEN, mask_phone
from masking.placeholders import PERSONAL, SECRET
from masking.texts import mask_message_ids
from masking.user_ids import mask_user_ids

MIN_SECRET_CHARACTERS = 12  # shorter secrets would match inside ordinary words

_HIDDEN_FIELDS = (
    "access_token|verify_token|input_token|appsecret_proof|app_secret|client_secret|password[12]?"
    "|confirm_password|confirm_code|sessionid|csrftoken|csrfmiddlewaretoken"
    "|__Host-daybreak|__Host-csrf|__Host-device"
)
# Cookies of ours that are called like words: in a header or a quoted key.
_COOKIES = r"(?:daybreak|device)(?:=|[\"']\s?:\s?[\"'])"
# Parameters of addresses in which people write names, numbers or texts.
_PERSONAL_PARAMETERS = (
    r"q|search|query|name|first_name|last_name|email|phone|mobile|wa_id|recipient|text|body|cell"
    r"|username|user|contact"
)
_GAP = r"(?:[ ()/\u00a0\u2010-\u2015-]|%20|%2D){0,3}"  # between the digits of a number
_INTERNATIONAL = rf"(?:\+|%2B)[1-9](?:{_GAP}\d){{7,14}}(?!\d)"
# Ten digits of an Indian mobile number, bare or after 0, 91 or 0091. `+` is a blank in a query.
_NATIONAL = rf"(?<!\d)(?<!\d\.)(?:(?:0091|91|0){_GAP}\+?)?[6-9](?:(?:{_GAP}|\+)\d){{9}}(?!\d)"

_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=|-]+"), rf"\1{SECRET}"),
    (
        re.compile(
            rf"(?i)(?<!\w)((?:{_HIDDEN_FIELDS})[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)[^\s\"'&;,]+"
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(rf"(?<![\w-])({_COOKIES})[^\s\"';,]{{8,}}"), rf"\1{SECRET}"),
    (re.compile(r"\bEAA[A-Za-z0-9]{20,}"), SECRET),  # prefix of Meta's access tokens
    (re.compile(r"dbk_[\w-]{8,}"), f"dbk_{SECRET}"),  # our own tokens
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,}"), f"whsec_{SECRET}"),
    (re.compile(r"(?i)\b(sha256=)[0-9a-f]{8,}"), rf"\1{SECRET}"),
    (re.compile(r"(://)[^\s/@]*@"), rf"\1{SECRET}@"),  # user and password in a URL
    (
        re.compile(rf"(?i)([?&](?:{_PERSONAL_PARAMETERS})(?:__\w+)?=)[^&#\s\"']+"),
        rf"\1{PERSONAL}",
    ),
    (re.compile(_INTERNATIONAL), lambda match: mask_phone(f"+{_digits(match[0])}")),
    (re.compile(_NATIONAL), lambda match: _mask_national(match[0])),
)


def redactor(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that hides tokens, signatures, passwords, cookies, phones, user ids, message ids,
    personal parameters of addresses, and `secrets`."""
    known = [re.escape(secret) for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS]
    values = re.compile("|".join(sorted(known, key=len, reverse=True)) or r"(?!)")

    def redact(text: str) -> str:
        text = mask_message_ids(mask_user_ids(values.sub(SECRET, text)))
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        return text

    return redact


def without_query(address: str) -> str:
    """An address with the names of its parameters and none of their values."""
    parts = urlsplit(address)
    query = names_only(parts.query)
    return address.partition("?")[0].partition("#")[0] + (f"?{query}" if query else "")


def names_only(query: str) -> str:
    """`q=…&page=…`: a query without its values."""
    return "&".join(f"{pair.partition('=')[0]}={PERSONAL}" for pair in query.split("&") if pair)


def _digits(number: str) -> str:
    return re.sub(r"\D", "", re.sub(r"%2B|%20|%2D", "", number))


def _mask_national(number: str) -> str:
    digits = _digits(number)
    if len(digits) == 12:
        return mask_phone(digits)
    return f"{HIDDEN}{digits[-4:]}"
