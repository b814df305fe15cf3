from __future__ import annotations

from datetime import UTC, datetime

import pytest

from distribution.ledger import restored
from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Delivery, State
from tests.builders import an_open_distribution
from tests.webhooks.posts import apply, pool_number, status, statuses
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@pytest.mark.django_db
def test_what_meta_reports_of_a_forgotten_send_settles_it():
    pool_number()
    distribution = an_open_distribution(1, now=NOW)
    restored.mark_unknown(distribution.pk, now=NOW)
    lost = AttemptKey(Delivery.objects.get().pk, 1, 12345)

    apply(statuses(status("sent", lost, at=NOW)), statuses(status("read", lost, at=NOW)), now=NOW)

    row = Delivery.objects.get()
    assert (row.state, row.progress) == (State.ACCEPTED, 3)
    assert set(WebhookEvent.objects.values_list("unmatched", flat=True)) == {0}
