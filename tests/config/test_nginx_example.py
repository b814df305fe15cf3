"""The proxy of docs/webhooks.md, as it stands there, in a real nginx."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings

from config.processes.child import free_port

pytestmark = pytest.mark.any_database  # no database

EXAMPLE = Path(settings.BASE_DIR) / "docs" / "webhooks.md"
FRAME = """
daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    {example}
}}
"""


def example() -> str:
    return re.findall(r"```nginx\n(.*?)```", EXAMPLE.read_text(), re.S)[0]


class Behind(BaseHTTPRequestHandler):
    """Stands for web and receiver: says what it was asked."""

    seen: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, str(self.headers.get("X_Forwarded_For"))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of nginx with the example; only ports and certificate are of this machine."""
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx or openssl is not installed.")
    folder = tmp_path_factory.mktemp("nginx")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    port, inside = free_port(), behind.server_address[1]
    text = example().replace("listen 443", f"listen 127.0.0.1:{port}")
    text = re.sub(r"127\.0\.0\.1:800[01]", f"127.0.0.1:{inside}", text)
    text = text.replace("/etc/ssl/daybreak.pem", str(certificate))
    text = text.replace("/etc/ssl/daybreak.key", str(key))
    file = folder / "nginx.conf"
    file.write_text(FRAME.format(folder=folder, example=text))
    process = subprocess.Popen([nginx, "-c", file, "-p", folder], stderr=subprocess.PIPE)
    try:
        url = f"https://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while answer(f"{url}/webhooks/start") != 200:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()
        behind.shutdown()
        behind.server_close()
        if process.stderr:
            process.stderr.close()


def answer(url: str, body: bytes | None = None, **headers: str) -> int:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_guesses_at_the_sign_in_are_held_up(proxy: str) -> None:
    began, answers = time.monotonic(), Counter[int]()
    while 429 not in answers:  # a busy machine needs more tries
        answers[answer(f"{proxy}/admin/login/", b"x")] += 1
        assert sum(answers.values()) < 1_000

    assert set(answers) == {200, 429}
    assert 21 <= answers[200] <= 22 + (time.monotonic() - began) / 2  # a burst, one every 2 s


@pytest.mark.parametrize(("path", "kilobytes"), [("/admin/login/", 4097), ("/webhooks/x", 4097)])
def test_a_body_that_is_too_large_does_not_come_through(
    proxy: str, path: str, kilobytes: int
) -> None:
    before = len(Behind.seen)

    assert answer(f"{proxy}{path}", b"x" * kilobytes * 1024) in (413, 0)  # 0: it hung up

    assert len(Behind.seen) == before


def test_a_second_spelling_of_a_header_does_not_come_through(proxy: str) -> None:
    assert answer(f"{proxy}/webhooks/y", X_Forwarded_For="10.0.0.1") == 200

    assert Behind.seen[-1] == ("/webhooks/y", "None")


def test_what_is_measured_is_not_shown(proxy: str) -> None:
    assert answer(f"{proxy}/metrics") == 404


def test_bodies_connections_and_readers_have_their_limits() -> None:
    text = example()

    for directive in ("client_body_timeout", "client_header_timeout", "send_timeout", "limit_conn"):
        assert re.search(rf"^    {directive} .*;", text, re.M), directive
    places = re.findall(r"location (?:= )?(\S+) \{(.*?)\}", text, re.S)
    unlimited = {
        place for place, rules in places if "proxy_pass" in rules and "limit_req" not in rules
    }
    assert unlimited == {"/webhooks/"}
