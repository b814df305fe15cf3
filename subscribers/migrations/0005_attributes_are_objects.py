"""Attributes become an object of texts by placeholder name, and the table refuses anything else."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

import subscribers.json_objects
from subscribers.details.placeholders import MAX_NAME_LENGTH, name_of

ROWS = 2_000  # of one batch


def rename_attributes(apps: Any, _schema_editor: Any) -> None:
    """Bring the attributes that are stored into the form that is enforced from now on."""
    people = apps.get_model("subscribers", "Subscriber").objects
    odd = []
    for pk, attributes in people.values_list("pk", "attributes").iterator(chunk_size=ROWS):
        corrected = in_form(attributes)
        if corrected != attributes:
            odd.append((pk, corrected))
    for pk, corrected in odd:
        people.filter(pk=pk).update(attributes=corrected)


def in_form(attributes: Any) -> dict[str, str]:
    """Text by placeholder name; what is no object holds nothing that a message could use."""
    if not isinstance(attributes, dict):
        return {}
    found: dict[str, str] = {}
    for title, value in attributes.items():
        name = name_of(title)[:MAX_NAME_LENGTH].rstrip("_") or f"column_{len(found) + 1}"
        if value is not None:
            found.setdefault(name, value if isinstance(value, str) else str(value))
    return found


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0004_learn_identities")]

    operations = [
        migrations.RunPython(rename_attributes, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.CheckConstraint(
                condition=subscribers.json_objects.IsObject(models.F("attributes")),
                name="subscriber_attributes_object",
            ),
        ),
    ]
