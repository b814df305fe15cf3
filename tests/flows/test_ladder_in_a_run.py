"""Meta pauses the template in the middle of a run: the rest gets the sibling, nobody gets two."""

from __future__ import annotations

import pytest

from distribution.models import Alert, Delivery, DistributionState, MessageTemplate
from distribution.quality import groups
from distribution.sending import batch
from phonepool.cloud_api import client
from tests.builders import an_approved_content, an_open_distribution
from tests.flows.test_general_failures import Morning, morning, sync_templates

__all__ = ["morning"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_template_that_meta_pauses_in_the_middle_of_a_run(morning):
    own = MessageTemplate.objects.get(name="daily_update")
    sibling = {"components": own.components, "category": own.category, "status": "APPROVED"}
    morning.meta.control("POST", "template/daily_update_2", sibling)
    sync_templates()
    own.refresh_from_db()
    second = MessageTemplate.objects.get(name="daily_update_2")
    groups.create("mornings", [own, second], primary=own)
    morning.distribution.deliveries.update(state="SKIPPED", reason="cancelled")
    content = an_approved_content(message_template=own, day=None, is_fallback=True)
    run = an_open_distribution(content=content)
    run.warm_per_mille = 0  # else some have the sibling from the start
    run.save()
    flow = Morning(morning.meta, morning.receiver, run)

    for batch_no in range(2):
        batch.send_batch(run.pk, batch_no, api=client.client())
    flow.meta.control("POST", "template/daily_update", {"status": "PAUSED"})
    flow.until_everybody_has_it()

    flow.assert_everybody_got_it_once()
    assert flow.now.state in (DistributionState.SENDING, DistributionState.COMPLETED)
    assert flow.now.used_template == second
    journal = {entry["to"]: entry["template"] for entry in flow.meta.journal()}
    rows = list(Delivery.objects.filter(distribution=run))
    assert {row.rung for row in rows} == {0, 1}
    assert all(
        journal[row.phone.removeprefix("+")] == (second.name if row.rung else own.name)
        for row in rows
    )
    assert Alert.objects.filter(rule="rung_taken").exists()
