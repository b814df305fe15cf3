"""A whole house of real processes beside a sandbox, for people in browsers to work in."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from config.demo.environment import ACCOUNT
from config.demo.journal_verdict import SandboxClient
from config.demo.preparation import LANGUAGE, POOL, TEMPLATE, VARIABLES
from config.processes.launcher import Launcher
from config.processes.programs import SandboxOptions as StandIn

INDIA = ZoneInfo("Asia/Kolkata")
MARGIN = timedelta(minutes=3)  # the whole day takes less, and must not see midnight in India
# Everybody is reached within a second or so, and it is said by webhooks.
CALM = {
    "outcome_shares": {"UTILITY": {"invalid": 0.0}},
    "delivered_quantiles": [[0.0, 0.1], [0.5, 0.3], [1.0, 1.0]],
    "read_share": 0.3,
}
PREPARED_BY = "tests.browser.prepare_house"
PASSWORD = "long enough for the whole day"


@dataclass(frozen=True)
class Place:
    """Where the house is, and what a test may do behind the people's backs."""

    url: str
    sandbox: SandboxClient
    _database: Path

    def allow(self, messages_a_second: int) -> None:
        """How fast each phone number may send from now on."""
        with closing(sqlite3.connect(self._database, timeout=60)) as connection, connection:
            connection.execute(
                "UPDATE phonepool_phonenumber SET rate_per_second = ?", [messages_a_second]
            )


@contextmanager
def open_house(
    folder: Path, prepared_by: str = PREPARED_BY, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Place]:
    """The house as a module has prepared it, which is given the password of everybody.

    Its daily time is over at once, so the day begins as soon as there is something to say.
    """
    env = {
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "HTTPS": "false",
        "TWO_FACTOR": "off",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "WHATSAPP_BUSINESS_ID": ACCOUNT,
        "DAILY_TIME": f"{_now_of_a_day_that_lasts():%H:%M:%S}",
        "TICK_SECONDS": "1",
        **settings,
    }
    with Launcher(folder, env, sandbox=_stand_in(), fresh=True) as house:
        assert house.run_module(prepared_by, PASSWORD) == 0
        database = next(house.var_dir.glob("*.sqlite3"))
        yield Place(house.web_url, SandboxClient(house.sandbox_url), database)


def _now_of_a_day_that_lasts() -> datetime:
    now = datetime.now(INDIA)
    if (now + MARGIN).date() != now.date():
        time.sleep((MARGIN + timedelta(seconds=1)).total_seconds())
    return datetime.now(INDIA)


def _stand_in() -> StandIn:
    return StandIn(
        numbers=[line.for_sandbox for line in POOL],
        templates=[f"{TEMPLATE}:{LANGUAGE}:{VARIABLES}:UTILITY"],
        options=["--profile", "fast", "--waba-id", ACCOUNT, "--settings", json.dumps(CALM)],
    )
