"""Where a form needs no token of ours, and what a task may be: nobody adds one unseen."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads, prepare_accept_content

from config.celery import app

pytestmark = pytest.mark.any_database  # sources only

ROOT = Path(settings.BASE_DIR)
APPS = ("config", "distribution", "evidence", "masking", "phonepool", "subscribers", "webhooks")


def test_only_signed_posts_and_one_that_only_says_404_need_no_token() -> None:
    marked = {
        str(path.relative_to(ROOT)): path.read_text().count("@csrf_exempt")
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "csrf_exempt" in path.read_text()
    }

    assert marked == {
        "webhooks/views.py": 1,
        "distribution/alert_channels/views.py": 2,  # a signed link, and PagerDuty's webhook
        "distribution/api/document/views.py": 1,
    }


def test_a_task_that_is_no_json_is_refused() -> None:
    accepted = prepare_accept_content(app.conf.accept_content)

    assert accepted == {"application/json"}
    for kind in ("application/x-python-serialize", "application/x-yaml"):
        with pytest.raises(ContentDisallowed):
            loads(b"gASVAQ==", kind, "binary", accept=accepted)
