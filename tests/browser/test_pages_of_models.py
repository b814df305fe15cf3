"""The pages of every model in a real browser: no error, no refusal, no barrier in light or dark."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.admin.routes import MAKERS, PAGES


@pytest.mark.parametrize("model", sorted(PAGES))
def test_pages_of_a_model_open_without_a_complaint(model, eyes, sign_in):
    sign_in("Administrator")
    row = MAKERS[model]()
    paths = [
        reverse(f"admin:{model}_changelist"),
        reverse(f"admin:{model}_change", args=[row.pk]),
        reverse(f"admin:{model}_history", args=[row.pk]),
    ]
    if "A" in PAGES[model][1]:
        paths.append(reverse(f"admin:{model}_add"))
    assert eyes.barriers_on(paths) == {}
