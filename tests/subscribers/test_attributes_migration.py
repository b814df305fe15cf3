"""Attributes that were stored before there was a rule for them."""

from __future__ import annotations

from importlib import import_module

import pytest

migration = import_module("subscribers.migrations.0005_attributes_are_objects")


@pytest.mark.parametrize(
    ("stored", "after"),
    [
        ({"city": "Pune"}, {"city": "Pune"}),
        (
            {"R&D": "x", "City/Town": "Pune", "शहर": "पुणे"},
            {"r_d": "x", "city_town": "Pune", "शहर": "पुणे"},
        ),
        ({"City": "Pune", "city": "Mumbai"}, {"city": "Pune"}),
        ({"n": 5, "none": None, "l": ["a"]}, {"n": "5", "l": "['a']"}),
        ({"#": "x"}, {"column_1": "x"}),
        (5, {}),
        (None, {}),
        ("Pune", {}),
        (["Pune"], {}),
    ],
)
def test_stored_attributes_become_texts_by_placeholder_name(stored, after):
    """P14, P8"""
    assert migration.in_form(stored) == after
