"""Who was erased is found outside the database neither: in Redis, in files, in logs."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from config.settings import logs
from distribution.access import rate_limits
from tests.flows.somebody import NAME, PHONE, came_by_every_path, erase, needles

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]


@pytest.fixture
def places(
    tmp_path: Path, settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder that holds everything a process keeps outside the database, but for Redis."""
    settings.REDIS_URL = broker_url
    settings.VAR_DIR = tmp_path
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # each upload becomes a file
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    redis.Redis.from_url(broker_url).flushdb()
    rate_limits.reset()  # a test before may have found its Redis away
    handler = logging.FileHandler(tmp_path / "log.txt")
    handler.setFormatter(logs.TextFormatter())
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield tmp_path
    logging.getLogger().removeHandler(handler)
    handler.close()
    logging.getLogger().setLevel(level)
    redis.Redis.from_url(broker_url).flushdb()
    rate_limits.reset()


def kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All of it: files with their names, keys of Redis with what they hold."""
    for file in folder.rglob("*"):
        yield file.name, file.name.encode()
        if file.is_file():
            yield file.name, file.read_bytes()
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    for key in client.scan_iter():
        yield key.decode("utf-8", "replace"), key + (client.dump(key) or b"")


def naming(folder: Path) -> dict[str, str]:
    looked_for = needles()
    return {
        place: needle.decode()
        for place, value in kept(folder)
        for needle in looked_for
        if needle in value.lower()
    }


def test_neither_redis_nor_a_file_names_who_was_erased(places: Path) -> None:
    erase(came_by_every_path())

    assert "alert opened" in (places / "log.txt").read_text()  # a person named them in it
    assert list(redis.Redis.from_url(django_settings.REDIS_URL).scan_iter())
    assert naming(places) == {}


def test_the_search_finds_what_is_there(places: Path) -> None:
    (places / f"upload of {NAME}").write_text("")
    (places / "list.csv").write_text(PHONE)
    redis.Redis.from_url(django_settings.REDIS_URL).set("a key", PHONE)

    assert set(naming(places)) == {f"upload of {NAME}", "list.csv", "a key"}
