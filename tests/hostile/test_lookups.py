"""An admin list tells nothing of what it masks: not by its filters, not by its order."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import BinaryField, CharField, EmailField, JSONField, TextField
from django.test import Client
from django.urls import reverse

from tests.admin.routes import MAKERS  # noqa: F401  # registers the pages
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
OPERATORS = ("startswith", "contains", "regex", "gt", "in", "iexact", "endswith", "exact")
# Columns whose values are shown masked, or not at all, to some of those who see the list.
HIDDEN = ("phone", "body", "wa_id", "wamid", "user_id", "evidence", "digest", "secret", "password")
MODELS = sorted(admin.site._registry, key=str)


def of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def root(admin_client: Client) -> Client:
    return admin_client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_list_looks_up_a_text_by_a_part_of_it(root: Client, model: Any) -> None:
    kinds = (CharField, TextField, EmailField, JSONField, BinaryField)
    names = [field.name for field in model._meta.fields if isinstance(field, kinds)]
    names += [
        f"{field.name}__{name}"
        for field in model._meta.fields
        if field.is_relation
        for name in HIDDEN
        if hasattr(field.related_model, name)
    ]
    offered = admin.site._registry[model].list_filter
    for name in names:
        for operator in OPERATORS:
            if operator in ("gt", "exact") and name in offered:
                continue
            answer = root.get(of(model), {f"{name}__{operator}": "1"})
            assert answer.status_code == 400, (name, operator)
            assert "has no filter" in answer.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_list_is_ordered_by_what_it_masks(model: Any) -> None:
    page = admin.site._registry[model]
    for name in page.list_display:
        column = getattr(page, str(name), None) or getattr(model, str(name), None)
        by = getattr(column, "admin_order_field", None) or (
            name if any(field.name == name for field in model._meta.fields) else ""
        )
        assert str(by).removeprefix("-").rpartition("__")[2] not in HIDDEN, (name, by)


def test_a_viewer_learns_no_digit_of_a_masked_number() -> None:
    viewer = a_client("Viewer")
    pages = ("/admin/subscribers/subscriber/", "/admin/distribution/delivery/")
    for page in pages:
        for query in ("phone__startswith=%2B91", "id__lt=9&phone__gt=%2B9198", "phone__in=%2B919"):
            assert viewer.get(f"{page}?{query}").status_code == 400
            assert viewer.get(f"{page}?_changelist_filters={query}").status_code == 400
