"""Messages that Meta holds for quality assessment: by template pacing and by portfolio pacing.

The first so many of a burst are accepted, the rest are held, and released in batches or dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.templates.message_template import MessageTemplate
from sandbox.webhooks.notices import template_quality, template_status
from sandbox.webhooks.queue import Webhooks
from sandbox.webhooks.timeline import Message, choose_outcome, steps_for
from sandbox.world.accounts import PACED_BELOW, Portfolio, Waba
from sandbox.world.throughput import DAY_SECONDS
from sandbox.world.world import World

_UTILITY_PACED_S = 7 * DAY_SECONDS  # utility templates are paced after one of them was paused


class Pacing:
    """Who is held, until when."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self.world = world
        self.webhooks = webhooks
        self.held: deque[Message] = deque()
        self._next_batch_at = inf

    def holds(self, waba: Waba, template: MessageTemplate, now: float) -> bool:
        """Counts one accepted message; whether it is held."""
        portfolio, settings = waba.portfolio, self.world.settings
        portfolio.sent_365d += 1
        if portfolio.holding:
            return True
        by_template = settings.template_pacing_after and _is_paced(waba, template, now)
        if by_template:
            template.paced_sends += 1
            if template.paced_sends > settings.template_pacing_after:
                return True
        if not settings.portfolio_pacing_after or portfolio.sent_365d > PACED_BELOW:
            return False
        portfolio.last_minute.admit(now, inf)
        return portfolio.last_minute.used > settings.portfolio_pacing_after

    def hold(self, message: Message) -> None:
        """Keeps a message back; what no test holds is released by itself."""
        self.held.append(message)
        if self._next_batch_at == inf and not message.number.waba.portfolio.holding:
            settings = self.world.settings
            wait = settings.time_scale * settings.pacing_release_after_s
            self._next_batch_at = message.accepted_at + wait

    def release_due(self, now: float) -> None:
        """Releases the next batch once its time has come."""
        if now < self._next_batch_at:
            return
        settings = self.world.settings
        self._release(self._take(settings.pacing_batch, lambda owner: not owner.holding))
        self._next_batch_at += settings.time_scale * settings.pacing_batch_every_s
        if not self.held:
            self._next_batch_at = inf

    def release(self, portfolio: Portfolio | None = None) -> int:
        """Sends every held message, or those of a portfolio; their templates are GREEN now."""
        return self._release(self._take_all(portfolio))

    def _release(self, released: list[Message]) -> int:
        now = self.world.clock.now()
        for message in released:
            if message.template is not None:
                self._assess(message.number.waba, message.template)
            self._end(message, choose_outcome(self.world, message, now), now)
        return len(released)

    def drop_by_template(self, portfolio: Portfolio | None = None) -> int:
        """Fails every held message, or those of a portfolio, and pauses their templates."""
        dropped = self._take_all(portfolio)
        paused = {message.template.id: message for message in dropped if message.template}
        for message in paused.values():
            waba, template = message.number.waba, message.template
            if template is not None:
                self._pause(waba, template)
        return self._drop(dropped, 132015)

    def drop_by_portfolio(self, portfolio: Portfolio | None = None) -> int:
        """Fails every held message, or those of a portfolio; their portfolios come under review."""
        dropped = self._take_all(portfolio)
        reviewed = [message.number.waba.portfolio for message in dropped]
        for owner in reviewed or [portfolio or self.world.first_waba.portfolio]:
            owner.under_review = True
        return self._drop(dropped, self.world.settings.portfolio_drop_code)

    def _take_all(self, portfolio: Portfolio | None) -> list[Message]:
        return self._take(inf, lambda owner: portfolio is None or owner is portfolio)

    def _take(self, most: float, wanted: Callable[[Portfolio], bool]) -> list[Message]:
        """Removes the oldest held messages of the wanted portfolios."""
        taken: list[Message] = []
        kept: list[Message] = []
        while self.held and len(taken) < most:
            message = self.held.popleft()
            (taken if wanted(message.number.waba.portfolio) else kept).append(message)
        self.held.extendleft(reversed(kept))
        if not self.held:
            self._next_batch_at = inf
        return taken

    def _drop(self, dropped: list[Message], code: int) -> int:
        now = self.world.clock.now()
        for message in dropped:
            self._end(message, MessageOutcome.DROPPED, now, code)
        return len(dropped)

    def _end(self, message: Message, outcome: MessageOutcome, now: float, code: int = 0) -> None:
        message.accepted_at = now  # its webhooks are counted from here
        self.webhooks.plan_steps(message, steps_for(self.world, message, outcome, code))

    def _pause(self, waba: Waba, template: MessageTemplate) -> None:
        value = template_status(template, "PAUSED", "NONE", "RATE_LIMITING_PAUSE")
        self.webhooks.queue_management(waba.id, "message_template_status_update", value)
        template.status = "PAUSED"
        if template.category == "UTILITY":
            waba.utility_paused_at = self.world.clock.now()

    def _assess(self, waba: Waba, template: MessageTemplate) -> None:
        """The good end of template pacing."""
        if template.paced_sends:
            template.paced, template.paced_sends = False, 0
            value = template_quality(template, "GREEN")
            self.webhooks.queue_management(waba.id, "message_template_quality_update", value)
            template.quality = "GREEN"


def _is_paced(waba: Waba, template: MessageTemplate, now: float) -> bool:
    if not template.is_paced:
        return False
    return template.category != "UTILITY" or now < waba.utility_paused_at + _UTILITY_PACED_S
