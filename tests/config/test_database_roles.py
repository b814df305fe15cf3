"""The roles of docker-compose.yml on a real server: the owner migrates, the application works.

Nothing here stands for PostgreSQL: `deploy/postgres/roles.sql` is run by psql as the image runs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings

from config.processes.child import LaunchError
from config.settings.databases import TIMEOUTS
from tests.config.settings.test_settings import PRODUCTION
from tests.services import _folder
from tests.throwaway_services import start_postgres

pytestmark = [pytest.mark.any_database, pytest.mark.slow]  # always PostgreSQL; migrates one

ROOT = Path(settings.BASE_DIR)
ROLES = ROOT / "deploy" / "postgres" / "roles.sql"


DAY = "import django; django.setup();from tests.config.database_role_day import work; work()"


class House(NamedTuple):
    superuser: str  # URLs of one database by role
    owner: str
    application: str


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A migrated database with the roles of docker-compose.yml."""
    psql = shutil.which("psql")
    with _folder() as folder:
        try:
            server = start_postgres(folder / "postgres", durable=False)
        except LaunchError as error:
            pytest.skip(str(error))
        if psql is None:
            pytest.skip("psql is not installed.")
        with server:
            with psycopg.connect(server.url, autocommit=True) as session:
                session.execute("CREATE DATABASE daybreak")
            made = House(*(url(server.url, role) for role in ("", "daybreak_owner", "daybreak")))
            for _ in range(2):  # it may be run again
                run([psql, "-X", "-f", str(ROLES), made.superuser], **PASSWORDS)
            manage(made.owner, "migrate", "--no-input")
            yield made


PASSWORDS = {"DAYBREAK_PASSWORD": "of'the application", "POSTGRES_OWNER_PASSWORD": "of the owner"}


def url(server: str, role: str) -> str:
    parts = urlsplit(server)
    place = parts.netloc.rpartition("@")[2]
    password = {"daybreak_owner": "of%20the%20owner", "daybreak": "of%27the%20application"}
    login = f"{role}:{password[role]}@{place}" if role else parts.netloc
    return urlunsplit(parts._replace(netloc=login, path="/daybreak"))


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def manage(database: str, *arguments: str) -> str:
    return python(database, "manage.py", *arguments)


def python(database: str, *arguments: str) -> str:
    env = {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    return run([sys.executable, *arguments], **{**env, "DATABASE_URL": database})


@pytest.fixture(scope="module")
def day(house: House) -> Any:
    """What the application did with its role."""
    return json.loads(python(house.application, "-c", DAY))


def test_the_application_does_its_day_with_its_own_role(day: Any) -> None:
    told = day

    assert told["states"] == {"ACCEPTED": 5}
    assert told["linked"] > 2


def test_a_start_that_finds_everything_migrated_needs_no_owner(house: House) -> None:
    manage(house.application, "migrate", "--no-input")
    manage(house.application, "check", "--database", "default")


def test_both_roles_have_the_time_limits_that_a_pool_does_not_pass_on(house: House) -> None:
    with psycopg.connect(house.superuser) as session:
        roles = session.execute(
            "SELECT rolconfig FROM pg_roles WHERE rolname IN ('daybreak', 'daybreak_owner')"
        ).fetchall()

    limits = sorted(f"{name}={limit}" for name, limit in TIMEOUTS.items())
    assert [sorted(config) for (config,) in roles] == [limits, limits]


REFUSED = {
    "TRUNCATE subscribers_consentevent": "permission denied",
    "TRUNCATE django_session": "permission denied",
    "ALTER TABLE django_admin_log DISABLE TRIGGER ALL": "must be owner",
    "ALTER TABLE subscribers_subscriber ADD COLUMN x int": "must be owner",
    "DROP TABLE webhooks_webhookevent": "must be owner",
    "DROP TRIGGER django_admin_log_append_only ON django_admin_log": "must be owner",
    "CREATE TABLE mine (x int)": "permission denied for schema public",
    "CREATE SCHEMA mine": "permission denied for database",
    "CREATE TEMP TABLE mine (x int)": "permission denied to create temporary",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'": "permission denied for schema",
    "CREATE OR REPLACE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'": "permission denied for schema",
    "CREATE TRIGGER mine BEFORE INSERT ON auth_user FOR EACH ROW EXECUTE FUNCTION"
    " refuse_change_of_evidence()": "permission denied",
    "SET session_replication_role = replica": "permission denied to set parameter",
    "COPY (SELECT 1) TO PROGRAM 'true'": "superuser|permission denied to COPY",
    "SELECT pg_read_file('/etc/passwd')": "permission denied for function",
    "CREATE ROLE mine": "permission denied to create role",
    "ALTER ROLE daybreak SUPERUSER": "must be superuser",
    "SET ROLE daybreak_owner": "permission denied to set role",
    "CREATE DATABASE mine": "permission denied to create database",
    "CREATE EXTENSION plperl": "permission denied to create|not available|control file",
    "ANALYZE subscribers_subscriber; SELECT 1/0": "division by zero",  # skipped with a warning
    "UPDATE django_admin_log SET change_message = ''": "append-only",
    "DELETE FROM subscribers_consentevent": "append-only",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_only_the_owner_may_do_is_refused(house: House, statement: str) -> None:
    with psycopg.connect(house.superuser) as session:  # a row of evidence, for the triggers of rows
        _a_row_of_evidence(session)
    with (
        psycopg.connect(house.application, autocommit=True) as session,
        pytest.raises(psycopg.Error, match=REFUSED[statement]),
    ):
        session.execute(statement)


def _a_row_of_evidence(session: psycopg.Connection) -> None:
    session.execute(
        """WITH person AS (
            INSERT INTO subscribers_subscriber (phone, name, tier, status, language, attributes,
                email, unreachable_days, created_at, updated_at)
            VALUES ('+919800099999', '', 'BASIC', 'ACTIVE', 'en', '{}', '', 0, now(), now())
            ON CONFLICT (phone) DO UPDATE SET name = '' RETURNING id)
        INSERT INTO subscribers_consentevent
            (subscriber_id, kind, source, evidence, notice, actor, at, recorded_at)
        SELECT id, 'OPT_IN', gen_random_uuid(), '', '', '', now(), now() FROM person"""
    )
    session.execute(
        """WITH staff AS (
            INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email,
                is_staff, is_active, date_joined)
            VALUES ('staff', '', false, '', '', '', true, true, now())
            ON CONFLICT (username) DO UPDATE SET first_name = '' RETURNING id)
        INSERT INTO django_admin_log
            (action_time, user_id, object_repr, action_flag, change_message)
        SELECT now(), id, 'x', 2, 'y' FROM staff"""
    )


def test_the_owners_function_looks_up_nothing_on_the_callers_path(house: House) -> None:
    with psycopg.connect(house.superuser) as session:
        functions = session.execute(
            "SELECT proname, prosecdef, proconfig, rolname FROM pg_proc"
            " JOIN pg_roles ON pg_roles.oid = proowner WHERE pronamespace = 'public'::regnamespace"
            " AND prosecdef"
        ).fetchall()

    assert functions == [
        ("refresh_statistics", True, ["search_path=pg_catalog, pg_temp"], "daybreak_owner")
    ]


@pytest.mark.parametrize("name", ["nothing", "pg_authid", 'x"; DROP TABLE auth_user; --'])
def test_the_owners_function_reads_our_tables_only(house: House, name: str) -> None:
    with (
        psycopg.connect(house.application) as session,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        session.execute("SELECT refresh_statistics(%s)", [name])


@pytest.mark.usefixtures("day")
def test_an_encrypted_backup_is_restored_whole_and_the_application_goes_on(
    house: House, tmp_path: Path
) -> None:
    """The drill of docs/security.md: dump, restore, roles, integrity."""
    backup, passphrase = tmp_path / "daybreak.dump.gpg", tmp_path / "passphrase"
    passphrase.write_text("of the backup")
    files = {"PASSPHRASE_FILE": str(passphrase)}
    run(["deploy/postgres/backup.sh", str(backup)], DATABASE_URL=house.owner, **files)
    assert b"PGDMP" not in backup.read_bytes()  # as a dump in clear begins
    assert backup.stat().st_mode & 0o077 == 0
    restored = House(*(re.sub(r"/daybreak$", "/restored", place) for place in house))
    with psycopg.connect(house.superuser, autocommit=True) as session:
        session.execute("CREATE DATABASE restored")
    run(["psql", "-X", "-f", str(ROLES), restored.superuser], **PASSWORDS)

    run(["deploy/postgres/restore.sh", str(backup)], DATABASE_URL=restored.owner, **files)

    manage(restored.application, "refresh_statistics")
    assert "promises hold" in manage(restored.application, "check_integrity", "--thorough")
    with psycopg.connect(restored.application) as session:
        rows = session.execute("SELECT count(*) FROM distribution_delivery").fetchone()
        assert rows == (5,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("TRUNCATE subscribers_consentevent")


@pytest.mark.usefixtures("day")
def test_a_backup_that_was_changed_restores_nothing(house: House, tmp_path: Path) -> None:
    backup, passphrase = tmp_path / "daybreak.dump.gpg", tmp_path / "passphrase"
    passphrase.write_text("of the backup")
    files = {"PASSPHRASE_FILE": str(passphrase)}
    run(["deploy/postgres/backup.sh", str(backup)], DATABASE_URL=house.owner, **files)
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    with psycopg.connect(house.superuser, autocommit=True) as session:
        session.execute("CREATE DATABASE spoilt OWNER daybreak_owner")
    spoilt = re.sub(r"/daybreak$", "/spoilt", house.owner)

    done = subprocess.run(
        ["deploy/postgres/restore.sh", str(backup)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": spoilt, **files},
        capture_output=True,
    )

    assert done.returncode != 0
    with psycopg.connect(spoilt) as session:
        tables = session.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)


def test_the_application_owns_nothing(house: House) -> None:
    with psycopg.connect(house.superuser) as session:
        owners = session.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
        ).fetchall()
        members = session.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member = 'daybreak'::regrole"
        ).fetchone()

    assert (owners, members) == ([("daybreak_owner",)], (0,))
