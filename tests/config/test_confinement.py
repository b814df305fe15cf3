"""What the containers of docker-compose.yml may not do, and what they are made of."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.__main__ import command_line
from tests.config.test_compose import COMPOSE, DOCKERFILE, OURS, ROOT, SERVICES

pytestmark = pytest.mark.any_database  # files only

# Debian's, with two numbers of PostgreSQL; the programs of the profile `monitoring` have no Debian.
EXACT = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)*-bookworm|(prom|grafana)/\w+:v?\d+\.\d+\.\d+")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privileges_no_disk_and_a_limit_of_memory(name: str) -> None:
    service: dict[str, Any] = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert "/tmp" in service["tmpfs"]  # noqa: S108


MONITORING = {"prometheus": "nobody", "alertmanager": "nobody", "grafana": "grafana"}


@pytest.mark.parametrize("name", ["postgres", "redis", *MONITORING])
def test_a_server_of_others_does_not_begin_as_root(name: str) -> None:
    """Their scripts would change owners and users, which needs the capabilities."""
    assert SERVICES[name]["user"] == MONITORING.get(name, name)


def test_volumes_hold_data_only_and_files_of_ours_cannot_be_changed() -> None:
    volumes = {
        name: service["volumes"] for name, service in SERVICES.items() if "volumes" in service
    }

    assert volumes == {
        "postgres": [
            "postgres:/var/lib/postgresql/data",
            "./deploy/postgres/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro",
        ],
        "redis": ["redis:/data"],
        # The key that signs records.
        "worker-support": ["keys:/var/lib/daybreak"],
        "keeper": ["keys:/var/lib/daybreak"],
        "prometheus": [
            "prometheus:/prometheus",
            "./monitoring/prometheus:/etc/prometheus:ro",
        ],
        "alertmanager": [
            "alertmanager:/alertmanager",
            "./monitoring/alertmanager:/etc/alertmanager:ro",
        ],
        "grafana": [
            "grafana:/var/lib/grafana",
            "./monitoring/grafana/provisioning:/etc/grafana/provisioning:ro",
            "./monitoring/grafana/dashboards:/var/lib/grafana-dashboards:ro",
        ],
    }
    assert (ROOT / "deploy/postgres/roles.sql").exists()


def test_every_image_is_named_exactly() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)

    assert len(images) == 7
    assert [image for image in images if not EXACT.fullmatch(image)] == []


def test_the_image_installs_only_files_with_known_digests() -> None:
    assert "--require-hashes -r /requirements.txt" in " ".join(DOCKERFILE.split())


def test_the_owners_password_reaches_the_migrations_and_the_server_only() -> None:
    owner = "POSTGRES_OWNER_PASSWORD"
    told = {
        name
        for name, service in SERVICES.items()
        if any(f"${{{owner}" in str(value) for value in service.get("environment", {}).values())
    }

    assert told == {"migrate", "postgres"}
    for name in OURS:
        if name != "sandbox":
            assert SERVICES[name]["environment"][owner] == ""  # the one of .env stays outside


def test_only_the_migrations_sign_in_as_the_owner() -> None:
    roles = {
        name: re.match(r"postgresql://(\w+):", service["environment"]["DATABASE_URL"])[1]  # type: ignore[index]
        for name, service in OURS.items()
        if name != "sandbox"
    }

    assert roles.pop("migrate") == "daybreak_owner"
    assert set(roles.values()) == {"daybreak"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_on_a_command_line(name: str) -> None:
    words = " ".join(map(str, SERVICES[name].get("command", [])))

    assert not re.search(r"\$\{\w*(TOKEN|SECRET|PASSWORD|KEY)", words)
    assert not re.search(r"--(access-token|app-secret|verify-token)", words)


def test_the_sandbox_takes_its_secrets_from_the_environment(monkeypatch: Any) -> None:
    plain = command_line().parse_args([])
    assert plain.access_token == "sandbox-access-token"
    for name in SERVICES["sandbox"]["environment"]:
        if name.startswith("SANDBOX_"):
            monkeypatch.setenv(name, f"of {name}")

    told = command_line().parse_args([])

    assert told.access_token == "of SANDBOX_ACCESS_TOKEN"
    assert told.app_secret == "of SANDBOX_APP_SECRET"
    assert told.verify_token == "of SANDBOX_VERIFY_TOKEN"


def test_who_calls_nobody_outside_has_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    confined = {name for name, service in SERVICES.items() if service["networks"] == ["inside"]}

    assert confined == {"postgres", "redis", "migrate", "beat"}
    assert all("inside" in service["networks"] for service in SERVICES.values())
