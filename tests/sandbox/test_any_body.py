"""Whatever is posted, Meta's form of a refusal comes back and never HTTP 500."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.control.api import COMMANDS
from tests.sandbox.harness import ONE, TOKEN, WABA, SandboxProcess, message, start
from tests.sandbox.test_template_shapes import ACCEPTED, TEMPLATES

RAVI = "+919812345678"
POSTED = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANY_TEXT = st.text(max_size=20) | st.sampled_from(["text", "image", "action", "0", "9" * 5000])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


def built(template: str, components: Any) -> dict[str, Any]:
    """A send of one of the templates that fits."""
    body = message(
        RAVI, template=template, opaque="a/1", recipient_type="individual", context=CONTEXT
    )
    body["template"]["components"] = components
    return body


CONTEXT = {"message_id": "wamid.x"}
SENDS = [built(template, components) for template, components in ACCEPTED]
FREE = {"messaging_product": "whatsapp", "to": RAVI}
FREE_FORM: list[dict[str, Any]] = [
    {**FREE, "type": "text", "text": {"body": "hi"}},
    {**FREE, "type": "image", "image": {"link": "https://a/b", "caption": "x"}},
    {**FREE, "type": "location", "location": {"latitude": 19.1, "longitude": "72.9", "name": "x"}},
    {**FREE, "type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "x"}},
    {**FREE, "type": "interactive", "interactive": {"type": "button", "action": {"buttons": []}}},
    {**FREE, "type": "contacts", "contacts": [{"name": {}}]},
]
READ = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
VALID = [*SENDS, *FREE_FORM, READ]


@pytest.fixture(scope="module")
def anvil() -> Iterator[SandboxProcess]:
    """A sandbox with every template, without limits."""
    limits = {"pair_burst": 1_000_000, "pair_interval_s": 0}
    process = start("--number", "100000000000003:+919800000003:900000", settings=limits)
    add_templates(process)
    yield process
    assert process.stop() == 0


def add_templates(process: SandboxProcess) -> None:
    for name, components in TEMPLATES.items():
        process.control("POST", f"template/{name}", {"components": components})


def post(process: SandboxProcess, body: Any) -> Any:
    return process.post(body, number="100000000000003")


def is_metas(answer: Any) -> bool:
    """An acceptance, or a refusal in Meta's form."""
    if answer.status_code == 200:
        return bool(answer.json())
    return answer.status_code in (400, 401, 404) and answer.json()["error"]["code"] > 0


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a JSON value."""
    yield path
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from places(child, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at the path."""
    if not path:
        return value
    changed = copy.deepcopy(body)
    at(changed, path[:-1])[path[-1]] = value
    return changed


@st.composite
def spoilt(draw: st.DrawFn, valid: list[Any]) -> Any:
    """A valid body with up to three values replaced, removed or added."""
    body: Any = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(body))))
        found = at(body, path)
        if path and draw(st.booleans()):
            del at(body, path[:-1])[path[-1]]
        elif isinstance(found, dict) and draw(st.booleans()):
            found[draw(ANY_TEXT)] = draw(JSON)
        elif isinstance(found, list) and draw(st.booleans()):
            found.append(draw(JSON))
        else:
            body = replaced(body, path, draw(JSON))
    return body


@pytest.mark.parametrize("body", VALID)
def test_what_is_spoilt_here_is_accepted_unspoilt(anvil: SandboxProcess, body: Any) -> None:
    answer = post(anvil, body)
    assert answer.status_code == 200, answer.text


@POSTED
@given(body=spoilt(VALID))
def test_no_spoilt_message_is_an_error_of_the_server(anvil: SandboxProcess, body: Any) -> None:
    assert is_metas(post(anvil, body))


@POSTED
@given(raw=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@example(raw=b"[" * 100_000)
@example(raw=b'{"to": ' + b"9" * 5000 + b"}")
@example(raw=b"\xff\xfe{")
def test_no_body_is_an_error_of_the_server(anvil: SandboxProcess, raw: bytes) -> None:
    assert is_metas(post(anvil, raw))


OTHERS = ({"a": 1}, ["x"], 7.5, True, "x")
OPEN = {"action", "sections", "contacts"}  # what is inside is not looked into
MAY_BE_NUMBERS = {"index", "latitude", "longitude"}


def wrong_types(body: Any) -> Iterator[Any]:
    """Copies of a valid body, each with one value of another JSON type."""
    content = ("template", "components")  # the rest is the same in all
    for path in places(body):
        tried = body in SENDS[1:] and path[:2] != content
        if not tried and not OPEN & set(path[:-1]):
            numeric = {float, str} if path and path[-1] in MAY_BE_NUMBERS else set()
            right = numeric | {type(at(body, path))}
            yield from (replaced(body, path, value) for value in OTHERS if type(value) not in right)


@pytest.mark.parametrize("body", VALID)
def test_a_value_of_another_json_type_is_error_100(anvil: SandboxProcess, body: Any) -> None:
    for wrong in wrong_types(body):
        answer = post(anvil, wrong)
        error = answer.json().get("error", {})
        assert (answer.status_code, error.get("code")) == (400, 100), (wrong, answer.text)
        assert error["error_data"]["details"]


PATHS = ["", "/", f"{ONE}/media", f"{WABA}/message_templates", f"{WABA}/", f"{ONE}/a/b", "7", "%"]


@POSTED
@given(
    path=st.sampled_from(PATHS),
    raw=st.binary(max_size=60) | st.just(b"--x\r\n\r\n"),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "multipart/", ""]),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
)
def test_no_management_call_is_an_error_of_the_server(
    anvil: SandboxProcess, path: str, raw: bytes, kind: str, method: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    url = f"{anvil.url}/v25.0/{path}"
    answer = anvil.session.request(method, url, data=raw, headers=headers, timeout=10)
    assert is_metas(answer), answer.text


@pytest.mark.parametrize("number", ["²", "9" * 5000, "-1", "x"])
def test_no_query_is_an_error_of_the_server(anvil: SandboxProcess, number: str) -> None:
    for key in ("limit", "after"):
        assert is_metas(anvil.get(f"{WABA}/message_templates", **{key: number}))
    assert anvil.ask("GET", "journal", since=number).status_code == 200
    file = anvil.session.get(f"{anvil.url}/media/7", params={"expires": number}, timeout=10)
    assert file.status_code == 404


@POSTED
@given(components=spoilt(list(TEMPLATES.values())))
def test_no_message_template_is_an_error_of_the_server(
    sandbox: SandboxProcess, components: Any
) -> None:
    raw = json.dumps({"components": components})
    url = f"{sandbox.url}/control/template/any"
    answer = sandbox.session.post(url, data=raw, timeout=10)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert is_metas(sandbox.get(f"{WABA}/message_templates"))
        assert is_metas(sandbox.send(RAVI, template="any"))


# Settings and the flow of webhooks have checks and tests of their own.
ORDERED = sorted(COMMANDS.keys() - {("PATCH", "settings"), ("POST", "handshake")})


@st.composite
def orders(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A control call with any values under its own keys."""
    method, command = draw(st.sampled_from(ORDERED))
    keys = COMMANDS[method, command][1] or {"do": str, "match": dict}
    name = draw(st.sampled_from(["", ONE, WABA, "daily_update", "919812345678", "x"]))
    body = draw(JSON | st.dictionaries(st.sampled_from(sorted(keys) or ["x"]), JSON))
    return method, f"{command}/{name}", body


@POSTED
@given(order=orders())
def test_no_order_is_an_error_of_the_server(
    sandbox: SandboxProcess, order: tuple[str, str, Any]
) -> None:
    method, path, body = order
    raw = json.dumps(body)
    answer = sandbox.session.request(method, f"{sandbox.url}/control/{path}", data=raw, timeout=10)
    assert answer.status_code in (200, 400), answer.text
