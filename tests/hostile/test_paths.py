"""No address is answered with a 500, whatever stands in the places of its path."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.admin.routes import PAGES
from tests.hostile.addresses import filled, patterns
from tests.hostile.asking import Asking
from tests.hostile.values import IDS, share

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]
LEAVES = "/admin/logout/"  # the session


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_place_of_a_path_breaks_anything(method: str) -> None:
    asking, told = Asking(), {}
    for turn, path in enumerate(patterns()):
        if path == LEAVES:
            continue
        # Each path gets a half by GET and the other one by POST.
        half = share(IDS, turn + (method == "post"), shares=2)
        for value in half if "{}" in path else [""]:
            url = filled(path, value)
            told[url] = asking.ask(method, url)
    assert asking.verdict() == {}
    assert len(told) > (500 if connection.vendor != "sqlite" else 125)


@pytest.mark.parametrize("model", sorted(PAGES))
@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_an_id_that_is_none_is_not_found_and_says_what_to_do(model: str, page: str) -> None:
    asking = Asking()
    app, _, name = model.partition("_")
    for value in ("abc", "²", "1\x00", "9" * 20, "9" * 5_000, "_00", "१"):
        answer = asking.client.get(filled(f"/admin/{app}/{name}/{{}}/{page}/", value))
        assert answer.status_code == 404
        assert "Ids are whole numbers" in answer.content.decode()
