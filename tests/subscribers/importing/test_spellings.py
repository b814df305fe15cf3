"""Two spellings of one phone are one person (Argentina with and without the 9 after +54)."""

from __future__ import annotations

import pytest

from subscribers.models import Status, Subscriber
from tests.subscribers.imports import counts, run

pytestmark = pytest.mark.django_db

HOME, ABROAD = "+541123456789", "+5491123456789"


def phones() -> list[str]:
    return list(Subscriber.objects.values_list("phone", flat=True))


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_with_two_spellings_of_one_phone_takes_the_first(dry_run):
    """Case A13."""
    report = run(f"phone,name\n{HOME},Ana\n{ABROAD},Ana\n", dry_run=dry_run)

    assert counts(report) == {"total": 2, "new": 1, "refused": 1}
    assert phones() == ([] if dry_run else [HOME])


def test_a_person_who_is_stored_in_another_spelling_is_known():
    run(f"phone,name\n{HOME},Ana\n")

    assert counts(run(f"phone,name\n{ABROAD},Bea\n")) == {"total": 1, "changed": 1}
    assert counts(run(f"phone,name\n{ABROAD},Bea\n")) == {"total": 1, "unchanged": 1}
    assert list(Subscriber.objects.values_list("phone", "name")) == [(HOME, "Bea")]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_withdrawal_in_another_spelling_is_theirs(dry_run):
    file = f"phone,status\n{HOME},active\n{ABROAD},unsubscribed\n"

    assert counts(run(file, dry_run=dry_run)) == {"total": 2, "new": 1, "changed": 1}
    if not dry_run:
        assert Subscriber.objects.get().status == Status.UNSUBSCRIBED
