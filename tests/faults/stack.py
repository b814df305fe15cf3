"""The whole house as real processes that can be killed, frozen and cut off from each other."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psutil

from config.demo.preparation import POOL
from config.processes import programs
from config.processes.child import Child, Process, free_port
from config.processes.private_broker import find_broker
from config.processes.supervisor import Supervisor
from tests.faults.cloud import Cloud
from tests.faults.database import Server, point_django_at
from tests.faults.proxy import Proxy

# One to fifteen or so: a minute of production is four seconds here.
SCALED = {
    "LEASE_SECONDS": "4",
    "RECONCILE_WINDOW_SECONDS": "9",
    # The stand-in's retries of webhooks are a hundredth of Meta's: its longest pause is 36 s.
    "RECEIVER_PATIENCE_SECONDS": "50",
    "CLOUD_API_CONNECT_TIMEOUT": "0.5",
    "CLOUD_API_READ_TIMEOUT": "1",
    "CLOUD_API_CONCURRENCY": "64",
    "TICK_SECONDS": "1",
    "KEEPER_INTERVAL": "1",
    "KEEPER_PATIENCE": "3",
    "KEEPER_STALE_SECONDS": "5",
    "WATCHDOG_SECONDS": "5",
    "OUTCOME_PATIENCE_SECONDS": "3",
    "NUMBER_REST_SECONDS": "2",
    "NUMBER_LEASE_SECONDS": "2",
    "NUMBER_TURN_SECONDS": "2",
    "BREAKER_COOLDOWN_SECONDS": "1",
    "RETRY_DELAYS_SECONDS": "1,1,2",
    "SLOT_HORIZON_SECONDS": "1.5",
    "SLA_WINDOW_SECONDS": "120",
    "BATCH_SIZE": "25",
    "FIRST_SLICE_PEOPLE": "50",
    "SLICE_PEOPLE": "75",
    "MICRO_BATCH_SIZE": "10",
    "MASS_DISTRIBUTION_CONCURRENCY": "4",
    "BATCH_PROCESSING_CONCURRENCY": "8",
    "DAILY_TIME": "23:59:59",  # tests open their own distributions
    "LOG_FORMAT": "text",
}
# The settings' own time constants instead of the scaled ones; empty counts as not set. How long
# webhooks come again is the stand-in's and stays scaled.
UNSCALED = {name: "" for name in SCALED if name not in ("DAILY_TIME", "RECEIVER_PATIENCE_SECONDS")}
PATIENCE = 90.0
RATES = (25, 25, 20)  # messages a second: slow enough to be struck in the middle
WORKERS = ("worker-mass-distribution", "worker-batch-processing", "worker-distribution-analytics")
SENDERS = ("worker-batch-processing",)
TEMPLATE, VARIABLES = "daily_update", 2
ACCOUNT = "400000000000001"  # the sandbox's own
# Everybody is reached, and all is said within seconds.
CALM = {
    "outcome_shares": {"UTILITY": {"invalid": 0.0}},
    "rate_burst": 8,
    "delivered_quantiles": [[0.0, 0.1], [0.5, 0.3], [1.0, 1.0]],
    "read_share": 0.3,
    "read_p50_s": 0.3,
    "read_p95_s": 0.8,
    "read_max_s": 1.0,
}


class Stack:
    """A context manager: what it started is gone after the block, killed by its own number.

    `proxied` names what is reached through a `Proxy`: redis, postgres, meta. `without` names
    roles that are not started.
    """

    def __init__(
        self,
        folder: Path,
        server: Server,
        *,
        env: Mapping[str, str] | None = None,
        proxied: Sequence[str] = (),
        without: Sequence[str] = (),
        sandbox_settings: str = "",
        rates: Sequence[int] = RATES,
    ) -> None:
        self.folder, self.server, self.rates = folder, server, tuple(rates)
        self.failpoints = folder / "failpoints"
        self.database = server.copy()
        self.env = {
            **os.environ,
            **SCALED,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            "DAYBREAK_VAR": str(folder),
            "DAYBREAK_FAILPOINTS": str(self.failpoints),
            "SECRET_KEY": secrets.token_urlsafe(64),
            "HTTPS": "false",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            **(env or {}),
        }
        self.supervisor = Supervisor(folder / "logs")
        self.proxies: dict[str, Proxy] = {}
        self._proxied, self._without = proxied, without
        self._children: dict[str, Child] = {}
        self._ends = contextlib.ExitStack()
        self._stand_in = programs.SandboxOptions(
            numbers=[
                f"{line.meta_id}:{line.display}:{rate}:GREEN"
                for line, rate in zip(POOL, rates, strict=True)
            ],
            templates=[f"{TEMPLATE}:en:{VARIABLES}:UTILITY"],
            options=["--journal", str(folder / "journal.jsonl"), "--settings", sandbox_settings],
        )

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self.failpoints.mkdir(parents=True)
            ends.callback(self.server.drop, self.database)
            ends.enter_context(self.supervisor)
            self._start(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        pids = [process.pid for process in self.supervisor.processes.values()]
        self._ends.close()
        orphans = [pid for pid in pids if psutil.pid_exists(pid)]
        assert not orphans, f"These outlived their stack: {orphans}"

    # --- starting ---------------------------------------------------------------------------

    def _start(self, ends: contextlib.ExitStack) -> None:
        broker = find_broker({**self.env, "REDIS_URL": ""}, self.folder / "broker", durable=False)
        assert broker.child is not None
        self.begin(broker.child)
        point_django_at(self.server.url(self.database))
        self.env["DATABASE_URL"] = self._reach(ends, "postgres", self.server.url(self.database))
        self.broker_url = broker.url
        self.env["REDIS_URL"] = self._reach(ends, "redis", broker.url)
        sandbox_port, self.web_port = free_port(), free_port()
        web_url = f"http://127.0.0.1:{self.web_port}"
        self.begin(programs.sandbox(self.env, self._stand_in, sandbox_port, web_url))
        url = f"http://127.0.0.1:{sandbox_port}"
        self.env.update(self._stand_in.environment(self._reach(ends, "meta", url)))
        self.env["WHATSAPP_BUSINESS_ID"] = ACCOUNT
        # The pool is made by `morning.prepare`, with rates of the test's own.
        self.env.update({f"WHATSAPP_PHONE_NUMBER_ID_{n}": "" for n in (1, 2, 3)})
        self.cloud = Cloud(url, self._stand_in)
        self.begin(*[child for child in self._roles() if child.name not in self._without])

    def _roles(self) -> list[Child]:
        ready = self.folder / "ready"
        ready.mkdir(exist_ok=True)
        children = [programs.web(self.env, self.web_port), programs.beat(self.env, ready)]
        children += [programs.keeper(self.env, ready)]
        children += [programs.worker(self.env, group, ready) for group in programs.WORKER_GROUPS]
        return children

    def _reach(self, ends: contextlib.ExitStack, name: str, url: str) -> str:
        """`url`, or the way to it through a proxy."""
        if name not in self._proxied:
            return url
        parts = urlsplit(url)
        assert parts.port is not None
        proxy = self.proxies[name] = ends.enter_context(Proxy(parts.port))
        host = parts.netloc.rpartition(":")[0]
        return urlunsplit(parts._replace(netloc=f"{host}:{proxy.port}"))

    def begin(self, *children: Child) -> None:
        for child in children:
            self._children[child.name] = child
        self.supervisor.wait_ready(*[self.supervisor.start(child) for child in children])

    # --- striking ---------------------------------------------------------------------------

    def strike_at(self, place: str, order: str) -> None:
        """The next process that comes to this failpoint obeys `order`."""
        draft = self.failpoints / f".{place}"
        draft.write_text(order)
        draft.rename(self.failpoints / place)

    def struck(self, place: str) -> bool:
        return not (self.failpoints / place).exists()

    def signal(self, name: str, number: signal.Signals) -> None:
        """To one process by its role; one that is dead already gets none."""
        process = self.supervisor.processes.get(name)
        if process is not None and process.popen.poll() is None:
            os.kill(process.pid, number)

    def signal_tree(self, name: str, number: signal.Signals) -> None:
        """To a role's process and its children."""
        process = self.supervisor.processes.get(name)
        if process is not None and process.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def kill(self, *names: str) -> None:
        """Without a word; the supervisor starts them again a second later."""
        for name in names:
            self.signal_tree(name, signal.SIGKILL)

    def bury(self, *names: str) -> None:
        """Kill for good: nobody starts them again."""
        for name in names:
            process = self.supervisor.processes.pop(name, None)
            if process is not None and process.popen.poll() is None:
                self.supervisor._reap(_killed(process))

    def revive(self, *names: str) -> None:
        """Start what was buried or lies dead, and wait until it works."""
        dead = [name for name in names if not self.lives(name)]
        self.begin(*[self._children[name] for name in dead])

    def lives(self, name: str) -> bool:
        process = self.supervisor.processes.get(name)
        return process is not None and process.popen.poll() is None

    def heal(self) -> None:
        """Everything runs, no proxy misbehaves, no fault and no failpoint is left."""
        for place in self.failpoints.iterdir():
            place.unlink()
        for proxy in self.proxies.values():
            proxy.mend()
        for name in self.supervisor.processes:
            self.signal_tree(name, signal.SIGCONT)
        self.revive(*self._children)
        self.wait(self._all_ready, "every process is ready")
        self.cloud.calm()

    def _all_ready(self) -> bool:
        processes = self.supervisor.processes.values()
        return all(
            process.popen.poll() is None
            and (process.child.ready is None or process.child.ready(process))
            for process in processes
        )

    # --- waiting ----------------------------------------------------------------------------

    def wait(self, until: Callable[[], bool], what: str, seconds: float = PATIENCE) -> float:
        """Look after the processes until it is so; how many seconds that took."""
        start = time.monotonic()
        while not until():
            if time.monotonic() - start > seconds:
                raise AssertionError(f"not within {seconds:g} s: {what}\n{self.story()}")
            self.supervisor.check()
            time.sleep(0.05)
        return time.monotonic() - start

    def live_for(self, seconds: float) -> None:
        """Let time pass, looking after the processes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.supervisor.check()
            time.sleep(0.05)

    def story(self) -> str:
        """The last lines of each log, for a test that failed."""
        logs = sorted(self.supervisor.logs.glob("*.log"))
        return "\n".join(
            line
            for log in logs
            for line in (f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-8:])
        )


def _killed(process: Process) -> Process:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process
