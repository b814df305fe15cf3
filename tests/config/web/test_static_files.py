from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client
from pytest_django import Settings

from config.web.static_files import StaticFiles

STYLE = "config/admin.css"


@pytest.fixture
def root(settings: Settings, tmp_path: Path) -> Path:
    """Where files are collected, empty so far."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.WHITENOISE_USE_FINDERS = True
    return tmp_path / "static"


def test_before_anything_is_collected_pages_and_their_files_are_served(
    root: Path, admin_client: Client
) -> None:
    page = admin_client.get("/admin/")
    assert page.status_code == 200
    assert f'href="/static/{STYLE}"' in page.content.decode()
    assert "Today | Daybreak" in page.content.decode()  # our own template, not Django's

    style = admin_client.get(static(STYLE))
    assert style.status_code == 200
    assert b"".join(style).startswith(b"/*")  # type: ignore[arg-type]
    assert not root.exists()


def test_collected_files_have_hashed_names_that_are_kept_for_ever(
    root: Path, settings: Settings
) -> None:
    call_command("collectstatic", "--no-input", verbosity=0)
    settings.WHITENOISE_USE_FINDERS = False

    name = StaticFiles().stored_name(STYLE)
    assert name != STYLE
    answer = Client().get(f"/static/{name}", headers={"accept-encoding": "gzip"})
    b"".join(answer)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert "immutable" in answer["Cache-Control"]
    assert answer["Content-Encoding"] == "gzip"


def test_a_file_that_was_not_collected_is_an_error_once_others_were(root: Path) -> None:
    call_command("collectstatic", "--no-input", verbosity=0)

    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        StaticFiles().stored_name("no/such/file.css")


def test_the_pages_use_this_storage() -> None:
    assert isinstance(storages["staticfiles"], StaticFiles)
