"""Meta's review of new message templates: PENDING, then a decision after a while.

Promotional words move a utility template to marketing without a word; a test decides otherwise.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.formats.errors import Refusal, require
from sandbox.templates.creation import NewTemplate, checked
from sandbox.templates.message_template import MessageTemplate
from sandbox.webhooks import notices
from sandbox.webhooks.queue import Webhooks
from sandbox.world.accounts import Waba
from sandbox.world.throughput import HOUR_SECONDS, SlidingWindow
from sandbox.world.world import World


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test wants Meta to decide; empty: as the text deserves."""

    status: str = "APPROVED"
    reason: str = "NONE"
    category: str = ""


class Reviews:
    """Which templates wait, and until when."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self.world = world
        self.webhooks = webhooks
        self.verdicts: dict[str, Verdict] = {}  # by the template's name
        self._waiting: list[tuple[float, str, Waba, NewTemplate]] = []
        self._created: dict[str, SlidingWindow] = defaultdict(lambda: SlidingWindow(HOUR_SECONDS))

    def create(self, waba: Waba, fields: Mapping[str, Any]) -> object:
        """The answer to a creation call; raises Refusal."""
        settings, now = self.world.settings, self.world.clock.now()
        new = checked(fields)
        if (new.name, new.language) in waba.templates:
            details = "There is already content in this language for this template."
            raise Refusal(100, details, subcode=2388024)
        if len(waba.templates) >= settings.template_limit:
            raise Refusal(100, "The limit of message templates is reached.", subcode=2388019)
        require(self._created[waba.id].admit(now, settings.templates_per_hour), 80008)
        template = self.world.create_template(
            waba, new.name, new.language, new.category, new.components
        )
        template.status, template.quality = "PENDING", "UNKNOWN"
        heapq.heappush(self._waiting, (now + settings.template_review_s, template.id, waba, new))
        return {"id": template.id, "status": template.status, "category": template.category}

    def decide_due(self, now: float) -> None:
        """Decide on what has waited long enough."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, waba, new = heapq.heappop(self._waiting)
            template = waba.templates.get((new.name, new.language))
            if template is not None and template.status == "PENDING":
                self._decide(waba, template, new)

    def _decide(self, waba: Waba, template: MessageTemplate, new: NewTemplate) -> None:
        verdict = self.verdicts.pop(template.name, Verdict())
        as_marketing = "MARKETING" if new.is_promotional else template.category
        category = verdict.category or as_marketing
        if category != template.category:
            template.previous_category, template.category = template.category, category
        template.status = verdict.status
        template.rejected_reason = verdict.reason if verdict.status == "REJECTED" else "NONE"
        value = notices.template_status(template, verdict.status, template.rejected_reason, "")
        self.webhooks.queue_management(waba.id, "message_template_status_update", value)
