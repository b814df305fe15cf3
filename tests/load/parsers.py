"""Every function that reads text from outside, and texts on which it could be slow.

Whatever a caller sends, its parser takes time in proportion to its length. Functions that refuse a
long text at once are measured, too: the limit is part of the parser.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from http.cookies import SimpleCookie

from django.http import QueryDict
from django.test import RequestFactory
from django.utils.text import smart_split

from config.settings import logs
from config.web.client_address import client_ip
from distribution.api.http import fields, parsing
from distribution.api.resources.content_serializers import ContentBody
from distribution.api.resources.subscriber_serializers import NewSubscriber
from distribution.content import preview, rendering, template_schema
from distribution.cost import category_risk, rate_file
from distribution.drafting import proposal
from distribution.drafting.proposal import Signals
from distribution.models import MessageTemplate
from masking.phones import mask_digits, mask_phones
from masking.user_ids import mask_user_ids
from phonepool import json_values
from phonepool import masking as meta_masking
from phonepool.cloud_api import foreign_answers, retry_after
from phonepool.cloud_api.connections import Response
from subscribers import links, phones, text_cleaning
from subscribers.details import placeholders, titles, values
from subscribers.importing.tables.csv_table import open_table
from subscribers.whole_numbers import whole_number
from webhooks import masking
from webhooks.applying import keywords, payloads
from webhooks.receiving import signature

RECEIVED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_requests = RequestFactory()


def _table(text: str) -> None:
    with open_table(io.BytesIO(text.encode("utf-8", "ignore"))) as table:
        for _ in table.records():
            pass


def _multipart(text: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\n{text}\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    str(_requests.post("/", part.encode("utf-8", "ignore"), content_type=kind).POST)


def _part_header(text: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="{text}"\r\n\r\n1\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    str(_requests.post("/", part.encode("utf-8", "ignore"), content_type=kind).POST)


def _form(text: str) -> None:
    kind = "application/x-www-form-urlencoded"
    str(_requests.post("/", text.encode("utf-8", "ignore"), content_type=kind).POST)


def _template(text: str) -> None:
    for kind in ("BODY", "HEADER"):
        schema = template_schema.parse([{"type": kind, "format": "TEXT", "text": text}])
        list(template_schema.unfillable(schema))


def _subscriber(text: str) -> None:
    for name in ("phone", "name", "email", "language"):
        fields.validated(NewSubscriber, {"phone": "+919812345678", name: text})


def _content(text: str) -> None:
    fields.validated(ContentBody, {"title": text, "day": text, "body_variables": [text]})


def _page(text: str) -> None:
    foreign_answers.description(Response(502, {}, text.encode("utf-8", "ignore")))


def _bytes(function: Callable[[bytes], object]) -> Callable[[str], object]:
    return lambda text: function(text.encode("utf-8", "ignore"))


def _better_version(text: str) -> None:
    template = MessageTemplate(language="en", components=[{"type": "BODY", "text": text}])
    proposal.propose(template, Signals(blocked=True, reads_dropped=True))


def _each(functions: list[Callable[[str], object]]) -> Callable[[str], object]:
    def all_of_them(text: str) -> None:
        for function in functions:
            with contextlib.suppress(Exception):
                function(text)

    return all_of_them


_redact = logs.redactor(["a secret of the operator's"])
PARSERS: dict[str, Callable[[str], object]] = {
    "JSON of the API": _bytes(parsing.loads),
    "JSON of Meta": _bytes(json_values.parse_object),
    "webhook": _bytes(lambda body: payloads.parse(body, received_at=RECEIVED_AT)),
    "webhook, masked": _bytes(masking.mask_body),
    "form": _form,
    "form with parts": _multipart,
    "header of a part": _part_header,
    "address": lambda text: QueryDict(text[:8_000]),
    "search of the admin": lambda text: list(smart_split(text[:8_000])),
    "cookies": lambda text: SimpleCookie(text[:8_000]),
    "X-Forwarded-For": lambda text: client_ip(
        _requests.get("/", headers={"X-Forwarded-For": text[:8_000]})
    ),
    "signature and challenge": _each([signature.is_shaped, signature.is_challenge]),
    "number": whole_number,
    "subscriber": _subscriber,
    "content": _content,
    "list of subscribers": _table,
    "phone": _each([phones.normalise, phones.unchecked, phones.from_wa_id]),
    "text on one line": text_cleaning.clean_line,
    "link": links.has_link,
    "title of a column": _each([placeholders.name_of, titles.field_of]),
    "detail": _each(
        [partial(values.read_value, key) for key in ("name", "email", "language", "city")]
    ),
    "attributes": lambda text: values.read_attributes({text: text}),
    "placeholders": _each([placeholders.names_in, placeholders.without, placeholders.only_name]),
    "rendering": lambda text: rendering.fill_in(text, {"name": text[:100]}),
    "address of a button": lambda text: rendering.fill_address(text, {"name": text[:100]}),
    "preview": preview.to_html,
    "message template": _template,
    "category risk": lambda text: category_risk.assess([category_risk.Passage("body", text)]),
    "better version": _better_version,
    "list of rates": lambda text: rate_file.parse(f"{','.join(rate_file.COLUMNS)}\n{text}\n"),
    "keyword": lambda text: keywords.parse_opt(text, [text]),
    "page of a proxy": _page,
    "Retry-After": lambda text: retry_after.seconds({"retry-after": text}, now=RECEIVED_AT),
    "log line": _redact,
    "masking": _each([mask_phones, mask_digits, mask_user_ids, masking.mask_text]),
    "masking of Meta's texts": meta_masking.masked,
}
PUMPS = (
    '"', '\\"', "\\", "[", "{", "[[]", '{"a":', '"a":1,', "[1,", ",", ";", "\t", "\n", '"\n', "a\n",
    'a"b,\n', " ", "a", "A.", "a.b", "1", "+91 ", "1e", "{{", "{{a", "{a", "{a}", "}", "*", " *a",
    " _a", "```", "<title", "://", "a://", "bearer ", "password=", "wamid.", "IN.", "AA.", "&",
    "a=",
    "a&", "%", "%41", "=", '="', "--x", "\r\n", "\r\n--", "\x00", "\u0301\u0323", "\u0323\u0301",
    "क्षि", "\u200d", "\ufe0f", "١", "ﷺ", "😀", "-", "_", "9-", "(", "@", "www.", "127.0.0.1,",
)  # fmt: skip
FRAMES = (("", ""), ('"', ""), ('{"phone":"', '"}'), ('phone\n"', ""), ("a", "!"))


def texts(size: int) -> Iterator[str]:
    """Texts of about `size` characters."""
    for pump in PUMPS:
        for start, end in FRAMES:
            yield start + pump * (size // len(pump)) + end
    yield "{" + ",".join(f'"{place}":1' for place in range(size // 8)) + ',"0":1}'
    yield "{" + ",".join(f'"{place}":{{}}' for place in range(size // 9)) + "}"
    yield "&".join(f"{place}={place}" for place in range(size // 10))
    yield ",".join(map(str, range(size // 6)))
    yield "{phone}" + "".join(f"{{{place}a}}" for place in range(size // 7))


def read(parser: Callable[[str], object], text: str) -> None:
    """What it refuses is refused: only the time counts."""
    with contextlib.suppress(Exception):
        parser(text)
