"""A client that openapi-python-client makes from the document works for every operation."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from django.utils import timezone

from distribution.content import media
from distribution.models import Distribution, DistributionState, Kind, Scope
from subscribers.models import ImportedPerson, ImportJob, ImportState, Subscriber
from tests import builders
from tests.api.failures import a_failed_distribution
from tests.api.routes import EXAMPLES
from tests.api.tokens import a_header, a_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.yml"
PACKAGE = "generated_daybreak_client"
REASON = {"reason": "Asked on the phone"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The package that the generator writes, importable under its name."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "config.yml").write_text("post_hooks: []\n")  # no formatting: nobody reads it
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", str(DOCUMENT), "--output-path", str(folder / PACKAGE)),
            *("--config", str(folder / "config.yml")),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


class GeneratedClient:
    """Calls the generated function of an operation and notes that it worked."""

    def __init__(self, package: str, url: str) -> None:
        self._package, self.used = package, set[str]()
        key = a_header(*Scope.values)["Authorization"].partition(" ")[2]
        root = import_module(f"{package}.client")
        self._client = root.AuthenticatedClient(base_url=url, token=key, timeout=30)
        self.close = self._client.get_httpx_client().close
        operations = yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader)["paths"].values()
        self.operations = {
            operation["operationId"]: operation
            for methods in operations
            for operation in methods.values()
        }

    def __call__(self, name: str, *ids: int, body: Any = None, **arguments: Any) -> Any:
        operation = self.operations[name]
        function: ModuleType = import_module(f"{self._package}.api.{operation['tags'][0]}.{name}")
        if body is not None:
            arguments["body"] = self._body(operation, body)
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])):
            arguments["idempotency_key"] = a_key()["Idempotency-Key"]
        answer = function.sync_detailed(*ids, client=self._client, **arguments)
        assert answer.status_code < 300, (name, answer.content)
        assert type(answer.parsed).__name__ != "ProblemDetails", name
        self.used.add(name)
        return answer.parsed

    def _body(self, operation: dict[str, Any], body: dict[str, Any]) -> Any:
        (content,) = list(operation["requestBody"]["content"].values())[:1]
        component = content["schema"]["$ref"].rpartition("/")[2]
        model = getattr(import_module(f"{self._package}.models"), component)
        return model(**body) if "file" in body else model.from_dict(body)

    def file(self, name: str, content: bytes) -> Any:
        types = import_module(f"{self._package}.types")
        return types.File(payload=io.BytesIO(content), file_name=name)


@pytest.fixture
def client(
    generated: str, live_server: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[GeneratedClient]:
    settings.API_RATES = dict.fromkeys(Scope.values, 10**6)
    uploaded = {"type": "image", "id": "1289340587632190"}
    monkeypatch.setattr(media, "upload", lambda *_args, **_options: uploaded)
    client = GeneratedClient(generated, live_server.url)
    yield client
    client.close()


def _day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def content(client: GeneratedClient) -> None:
    plain = builders.a_template()
    picture = builders.a_template(components=[{"type": "HEADER", "format": "IMAGE"}])
    body = {"title": "The day ahead", "day": _day(5), "message_template": plain.pk}
    submitted = client("submit_content", body=body)
    with_file = {**body, "day": _day(6), "message_template": picture.pk}
    client(
        "submit_content_with_file",
        body={"content": json.dumps(with_file), "file": client.file("chart.png", b"\x89PNG")},
    )
    client("withdraw_content", submitted.id)
    texts = {"title": "The day ahead", "message_template": plain.pk}
    assert client("replace_content", submitted.id, body=texts).state == "SUBMITTED"
    assert client("get_content", submitted.id).title == "The day ahead"
    assert len(client("list_content").results) == 2
    assert client("get_template", plain.pk).name == plain.name
    client("list_templates")
    client("list_template_drafts")
    client("get_template_draft", builders.a_template_draft().pk)


def distributions(client: GeneratedClient) -> None:
    approved = builders.an_approved_content(day=timezone.localdate())
    asked = {"content": approved.pk, "dry_run": True}
    assert client("trigger_distribution", body=asked).recipients >= 0
    at = (timezone.now() + timedelta(days=4)).isoformat()
    planned = client("schedule_distribution", body={"at": at, "content": approved.pk})
    client("list_scheduled_distributions")
    client("cancel_scheduled_distribution", planned.id)
    running = builders.an_open_distribution(1, kind=Kind.MANUAL, content=None)
    assert client("pause_distribution", running.pk, body=REASON).state == DistributionState.PAUSED
    client("resume_distribution", running.pk, body=REASON)
    client("get_distribution_status", id=running.pk)
    client("list_deliveries", running.pk)
    client("cancel_distribution", running.pk, body=REASON)
    client("list_distributions")
    client("get_analytics")
    record = EXAMPLES["record"]()
    client("download_record", record)
    client("get_records", running.pk)
    client("get_costs")
    client("get_rates")


def retries(client: GeneratedClient) -> None:
    Subscriber.objects.update(status="PAUSED")  # not in this audience
    failed = a_failed_distribution()
    assert client("preview_retry", failed.pk).safe == 1
    assert client("retry_deliveries", failed.pk, body=REASON).retried == 1


def timetable(client: GeneratedClient) -> None:
    daily = client("set_daily_time", body={"from_day": _day(3), "time": "06:30", **REASON})
    assert [row.time for row in client("list_daily_times").results] == ["06:30"]
    client("delete_daily_time", daily.id)
    dark = client("add_blackout_date", body={"day": _day(3), "reason": "Diwali"})
    assert len(client("list_blackout_dates").results) == 1
    client("delete_blackout_date", dark.id)


def people(client: GeneratedClient) -> None:
    consent = {"consent_source": "Sign-up form"}
    added = client("add_subscriber", body={"phone": "9812345601", **consent})
    client("list_subscribers")
    assert client("get_subscriber", added.id).status == "ACTIVE"
    assert client("update_subscriber", added.id, body={"name": "Asha"}).name == "Asha"
    client("set_subscriber_status", added.id, body={"status": "PAUSED", **REASON})
    client("get_subscriber_history", added.id)
    client("erase_subscriber", added.id, body=REASON)


def imports(client: GeneratedClient) -> None:
    file = client.file("people.csv", b"phone\n9812345602")
    job = client("import_subscribers", body={"file": file, "dry_run": True})
    ImportJob.objects.update(state=ImportState.CHECKED)
    client("get_import", job.id)
    client("confirm_import", job.id, body={"consent_source": "Sign-up form"})
    ImportJob.objects.update(state=ImportState.CHECKED)
    client("stop_import", job.id)
    now = timezone.now()
    ImportJob.objects.update(state=ImportState.DONE, confirmed_at=now, ended_at=now)
    person = builders.a_subscriber()
    ImportedPerson.objects.create(job_id=job.id, subscriber=person, is_new=True)
    client("get_import_undo", job.id)
    client("undo_import", job.id, body=REASON)


def system(client: GeneratedClient) -> None:
    number = builders.a_number()
    client("get_plan")
    Distribution.objects.running().update(state=DistributionState.COMPLETED)
    client("start_preflight", body=REASON)
    client("get_preflight")
    client("list_phone_numbers")
    client("get_phone_number", number.pk)
    client("get_phone_number_quality", number.pk)
    client("get_template_quality", builders.a_template().pk)
    client("list_quality_changes")
    client("list_template_drafts")
    client("get_template_draft", EXAMPLES["template-draft"]())
    client("get_key_figures")
    first, second = (EXAMPLES["queue-alert-acknowledge"]() for _ in range(2))
    client("list_alerts")
    client("acknowledge_alert", first)
    client("acknowledge_alerts", body={"ids": [second]})
    client("get_queue_status")


def test_every_operation_works_with_the_generated_client(
    client: GeneratedClient, broker_url: str, settings: Any
) -> None:
    settings.REDIS_URL = broker_url
    for part in (content, distributions, retries, timetable, people, imports, system):
        part(client)
    client("get_health")
    assert client.used == client.operations.keys()
