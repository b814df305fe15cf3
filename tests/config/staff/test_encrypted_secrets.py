"""A dump of the database gives no second factor and no signing secret away (finding L6)."""

from __future__ import annotations

import importlib
from io import StringIO

import pytest
from cryptography.exceptions import InvalidTag
from django.contrib.auth.models import User
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_otp import match_token
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from distribution.event_webhooks import subscriptions
from distribution.models import AlertChannel, EventSubscription
from distribution.models.encrypted import decrypt

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]
SEED, SECRET, CODE = "0f" * 20, "whsec_" + "QUJD" * 8, "abcdefg2"
OLD, NEW = "an old key of more than 32 characters", "a new key of more than 32 characters"
COLUMNS = [
    ("otp_totp_totpdevice", "key"),
    ("otp_static_statictoken", "token"),
    ("distribution_eventsubscription", "secret"),
    ("distribution_eventsubscription", "former_secret"),
    ("distribution_alertchannel", "secret_address"),
    ("distribution_alertchannel", "signing_secret"),
]


@pytest.fixture
def ada(settings) -> User:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    user = User.objects.create_user("ada", is_staff=True)
    TOTPDevice.objects.create(user=user, name="phone", key=SEED)
    spare = StaticDevice.objects.create(user=user, name="spare codes")
    StaticToken.objects.bulk_create([StaticToken(device=spare, token=CODE)])
    EventSubscription.objects.create(name="crm", url="https://example.com", secret=SECRET)
    AlertChannel.objects.create(
        name="desk", kind="email", secret_address="d@example.com", signing_secret=SECRET
    )
    return user


def stored() -> dict[str, str]:
    found = {}
    with connection.cursor() as cursor:
        for table, column in COLUMNS:
            cursor.execute(f"SELECT {column} FROM {table}")  # noqa: S608 - names from above
            found[f"{table}.{column}"] = cursor.fetchone()[0]
    return found


def everything_works(user: User) -> None:
    assert TOTPDevice.objects.get().key == SEED
    assert EventSubscription.objects.get(name="crm").secret == SECRET
    shown = f"{totp(bytes.fromhex(SEED)):06}"
    TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0)
    assert match_token(user, shown) is not None


def test_nothing_stands_in_clear_and_everything_works(ada):
    subscriptions.change_secret(EventSubscription.objects.get(), now=timezone.now())
    row = EventSubscription.objects.get()
    assert row.former_secret == SECRET
    EventSubscription.objects.update(secret=SECRET)
    values = stored()
    for secret in (SEED, SECRET, CODE, SEED.upper(), bytes.fromhex(SEED).decode("latin-1")):
        assert secret not in str(values)
    widths = {"key": 80, "token": 16, "secret": 100, "former_secret": 100}
    widths |= {"secret_address": 1000, "signing_secret": 300}
    assert all(len(text) <= widths[name.partition(".")[2]] for name, text in values.items())
    everything_works(ada)


def test_a_spare_code_counts_once_and_its_stored_form_opens_nothing(ada):
    dumped = stored()["otp_static_statictoken.token"]
    for wrong in (dumped, dumped.lower(), "abcdefg3", ""):
        assert match_token(ada, wrong) is None
        StaticDevice.objects.update(throttling_failure_count=0)
        TOTPDevice.objects.update(throttling_failure_count=0)
    assert match_token(ada, CODE) is not None
    assert match_token(ada, CODE) is None


def test_a_key_is_replaced_in_three_steps_and_nothing_stops_meanwhile(ada, settings):
    before = stored()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert EventSubscription.objects.get().secret == SECRET
    assert TOTPDevice.objects.get().key == SEED

    out = StringIO()
    call_command("reencrypt", stdout=out)

    assert "4 secrets are now encrypted" in out.getvalue()
    assert "1 recovery codes of ada" in out.getvalue()
    after = stored()
    for column in ("otp_totp_totpdevice.key", "distribution_eventsubscription.secret"):
        assert after[column] != before[column]
    again = StringIO()
    call_command("reencrypt", stdout=again)
    assert "0 secrets are now encrypted" in again.getvalue()
    assert match_token(ada, CODE) is not None  # by the old key, which is still there
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    StaticToken.objects.create(device=StaticDevice.objects.get(), token=CODE)
    everything_works(ada)
    assert match_token(ada, CODE) is not None


def test_a_key_that_is_missing_is_named(ada, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS lacks the key"):
        TOTPDevice.objects.get()


def test_a_value_of_one_column_is_none_of_another(ada):
    moved = stored()["distribution_eventsubscription.secret"]
    with pytest.raises(InvalidTag):
        decrypt(moved, "second factor")
    assert decrypt(moved, "event secret") == SECRET.encode()


def test_the_migration_protects_what_stood_in_clear(ada):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE otp_totp_totpdevice SET key = %s", [SEED])
        cursor.execute("UPDATE otp_static_statictoken SET token = %s", [CODE])
        cursor.execute("UPDATE distribution_eventsubscription SET secret = %s", [SECRET])
    everything_works(ada)  # rows from before are read
    migration = importlib.import_module("distribution.migrations.0018_encrypt_secrets")
    state = connection_state()
    migration.protect(state, None)
    assert not any(secret in str(stored()) for secret in (SEED, SECRET, CODE))
    everything_works(ada)
    assert match_token(ada, CODE) is not None


def connection_state():
    """The models as migrations see them: plain columns."""
    from django.db.migrations.executor import MigrationExecutor

    targets = [("distribution", "0001_squashed_0018"), ("otp_totp", "0003_add_timestamps")]
    targets += [("otp_static", "0003_add_timestamps")]
    return MigrationExecutor(connection).loader.project_state(targets).apps


def test_without_keys_of_its_own_it_works_and_may_not_be_deployed(settings):
    settings.FIELD_ENCRYPTION_KEYS = []
    TOTPDevice.objects.create(user=User.objects.create_user("ada"), name="phone", key=SEED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM otp_totp_totpdevice")
        assert SEED not in str(cursor.fetchall())
    assert TOTPDevice.objects.get().key == SEED
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    assert "daybreak.E002" in [one.id for one in found]
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    assert "daybreak.E002" not in [one.id for one in found]
