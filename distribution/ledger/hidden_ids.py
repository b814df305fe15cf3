"""Meta's message ids of erased people contain the number: our own hash stands in their place.

A report that comes later still finds its delivery.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from distribution.models import Delivery
from subscribers import phones
from subscribers.consent.erased_phones import OPAQUE, opaque_id

WRITTEN_TOGETHER = 500


def hide_message_ids(deliveries: Iterable[Delivery]) -> None:
    """Put our own opaque ids in the place of Meta's: a few hundred rows in each statement."""
    rows = [row for row in deliveries if row.wamid and not row.wamid.startswith(OPAQUE)]
    for row in rows:
        row.wamid = opaque_id(row.wamid or "")
    Delivery.objects.bulk_update(rows, ["wamid"], batch_size=WRITTEN_TOGETHER)


def hidden_if_erased(phone: str, wamid: str) -> str:
    """The message id as the delivery to this phone has it: hashed if its person was erased."""
    return opaque_id(wamid) if wamid and phones.is_blank(phone) else wamid


def deliveries_by_message_id(wamids: Collection[str]) -> dict[str, int]:
    """Deliveries by Meta's message id; those of erased people by the hash of it."""
    known = Delivery.objects.filter(wamid__in=wamids).values_list("wamid", "pk")
    found = {wamid: pk for wamid, pk in known if wamid}
    hidden = {opaque_id(wamid): wamid for wamid in wamids if wamid and wamid not in found}
    if hidden:
        late = Delivery.objects.filter(wamid__in=hidden).values_list("wamid", "pk")
        found |= {hidden[wamid]: pk for wamid, pk in late if wamid}
    return found
