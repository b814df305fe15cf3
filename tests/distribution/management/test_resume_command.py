from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from distribution.lifecycle import control
from distribution.models import DistributionState
from tests.builders import an_open_distribution

pytestmark = pytest.mark.django_db


def test_a_paused_distribution_goes_on_and_says_who_waits():
    distribution = an_open_distribution(3)
    control.pause(distribution.pk, reason="token_invalid", now=timezone.now())
    said = StringIO()

    call_command("resume_distribution", str(distribution.pk), stdout=said)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert said.getvalue() == f"Distribution {distribution.pk} resumed. 3 people are waiting.\n"


def test_what_is_not_paused_is_refused_in_words():
    distribution = an_open_distribution(1)

    with pytest.raises(CommandError, match="Only a paused distribution can be resumed"):
        call_command("resume_distribution", str(distribution.pk))
