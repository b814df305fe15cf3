"""What 0001 to 0012 make of an empty database, in a third of the time."""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import subscribers.json_objects
from subscribers.append_only import seal

SEARCHES = import_module("subscribers.migrations.0003_index_searches")


class Migration(migrations.Migration):
    replaces = [
        ("subscribers", "0001_create_subscribers"),
        ("subscribers", "0002_seal_consent_events"),
        ("subscribers", "0003_index_searches"),
        ("subscribers", "0004_learn_identities"),
        ("subscribers", "0005_attributes_are_objects"),
        ("subscribers", "0006_import_columns"),
        ("subscribers", "0007_sent_forms"),
        ("subscribers", "0008_shown_sets"),
        ("subscribers", "0009_undo_imports"),
        ("subscribers", "0010_erased_stops_and_moves"),
        ("subscribers", "0011_ends_of_pauses"),
        ("subscribers", "0012_searched_webhooks"),
    ]

    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Suppression",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(blank=True, max_length=16, null=True, unique=True)),
                ("holds", models.BooleanField()),
                ("at", models.DateTimeField()),
                ("source", models.CharField(max_length=200)),
                ("evidence", models.CharField(blank=True, default="", max_length=200)),
                ("recorded_at", models.DateTimeField()),
                ("portfolio_id", models.CharField(blank=True, default="", max_length=32)),
                ("user_id", models.CharField(blank=True, max_length=150, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user_id", "portfolio_id"), name="suppression_once_per_user_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("phone", None), ("user_id__isnull", False)),
                            models.Q(("phone__isnull", False), ("user_id", None)),
                            _connector="OR",
                        ),
                        name="suppression_of_phone_or_user_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("filename", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("CHECKING", "Being checked"),
                            ("CHECKED", "Checked, waiting for you"),
                            ("IMPORTING", "Being imported"),
                            ("DONE", "Imported"),
                            ("REFUSED", "Refused"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="CHECKING",
                        max_length=9,
                    ),
                ),
                ("problem", models.CharField(blank=True, default="", max_length=500)),
                ("consent_source", models.CharField(blank=True, default="", max_length=500)),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("lines", models.PositiveIntegerField(default=0)),
                ("last_line", models.PositiveIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("checked", models.JSONField(default=dict)),
                ("samples", models.JSONField(default=dict)),
                ("runner", models.CharField(blank=True, default="", max_length=36)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("columns", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "import",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["CHECKING", "IMPORTING"])),
                        fields=["lease_until"],
                        name="importjob_running",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "CHECKING",
                                    "CHECKED",
                                    "IMPORTING",
                                    "DONE",
                                    "REFUSED",
                                    "CANCELLED",
                                ],
                            )
                        ),
                        name="importjob_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_workbook", models.BooleanField(default=False)),
                ("content", models.BinaryField()),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file",
                        to="subscribers.importjob",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=16, unique=True)),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                (
                    "tier",
                    models.CharField(
                        choices=[("PREMIUM", "Premium"), ("PRO", "Pro"), ("BASIC", "Basic")],
                        default="BASIC",
                        max_length=7,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ACTIVE", "Active"),
                            ("PAUSED", "Paused"),
                            ("UNSUBSCRIBED", "Unsubscribed"),
                            ("INVALID", "Invalid"),
                        ],
                        default="ACTIVE",
                        max_length=12,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        default="en",
                        max_length=6,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z]{2,3}(_[A-Z]{2})?\\Z",
                                "Write a language like en, hi or en_IN.",
                            )
                        ],
                    ),
                ),
                ("attributes", models.JSONField(blank=True, default=dict)),
                ("email", models.EmailField(blank=True, default="", max_length=254)),
                ("unreachable_days", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("unreachable_on", models.DateField(blank=True, editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "permissions": [
                    ("import_subscriber", "Can import subscribers from a file"),
                    ("export_subscriber", "Can export subscribers with their phone numbers"),
                    ("erase_subscriber", "Can erase a subscriber for good"),
                    ("see_full_phone", "Can see phone numbers in full"),
                ],
                "indexes": [
                    models.Index(fields=["status"], name="subscriber_status"),
                    models.Index(fields=["tier"], name="subscriber_tier"),
                    models.Index(
                        condition=models.Q(("status", "ACTIVE")),
                        fields=["tier", "id"],
                        name="subscriber_eligible",
                    ),
                    models.Index(fields=["status", "tier", "id"], name="subscriber_status_tier"),
                    models.Index(fields=["language", "id"], name="subscriber_language"),
                    models.Index(fields=["updated_at", "id"], name="subscriber_changes"),
                    models.Index(
                        django.db.models.functions.text.Right("phone", 4),
                        name="subscriber_phone_tail",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phone__startswith", "+"),
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.functions.text.Length("phone"), 8
                            ),
                            django.db.models.lookups.LessThanOrEqual(
                                django.db.models.functions.text.Length("phone"), 16
                            ),
                        ),
                        name="subscriber_phone_e164",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["ACTIVE", "PAUSED", "UNSUBSCRIBED", "INVALID"])
                        ),
                        name="subscriber_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["PREMIUM", "PRO", "BASIC"])),
                        name="subscriber_tier_known",
                    ),
                    models.CheckConstraint(
                        condition=subscribers.json_objects.IsObject(models.F("attributes")),
                        name="subscriber_attributes_object",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone_hash", models.CharField(db_index=True, max_length=64)),
                ("reason", models.CharField(max_length=200)),
                ("asked_by", models.CharField(max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("purged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "subscriber",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure",
                        to="subscribers.subscriber",
                    ),
                ),
                ("stopped_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("searched_to", models.BigIntegerField(default=0, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("OPT_IN", "Opted in"),
                            ("OPT_OUT", "Opted out"),
                            ("PAUSE", "Paused"),
                            ("RESUME", "Resumed"),
                            ("UNREACHABLE", "Found unreachable"),
                        ],
                        max_length=11,
                    ),
                ),
                ("source", models.CharField(max_length=200)),
                ("evidence", models.CharField(blank=True, default="", max_length=200)),
                ("notice", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=150)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consent_events",
                        to="subscribers.subscriber",
                    ),
                ),
                ("resumes_on", models.DateField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subscriber", "kind", "at"], name="consent_latest"),
                    models.Index(
                        condition=models.Q(("resumes_on__isnull", False)),
                        fields=["resumes_on"],
                        name="consent_pause_end",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("evidence", ""), _negated=True),
                        fields=("subscriber", "source", "evidence"),
                        name="consent_evidence_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("evidence", "")),
                        fields=("subscriber", "kind", "source", "at"),
                        name="consent_event_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["OPT_IN", "OPT_OUT", "PAUSE", "RESUME", "UNREACHABLE"])
                        ),
                        name="consent_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasedIdentity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity_hash", models.CharField(db_index=True, max_length=64)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identities",
                        to="subscribers.erasure",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "erased identities",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("erasure", "identity_hash"), name="erased_identity_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WhatsAppIdentity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("portfolio_id", models.CharField(blank=True, default="", max_length=32)),
                ("user_id", models.CharField(blank=True, default="", max_length=150)),
                ("wa_id", models.CharField(blank=True, default="", max_length=20)),
                ("seen_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField(blank=True, null=True)),
                ("moved_user_id", models.CharField(blank=True, default="", max_length=150)),
                (
                    "subscriber",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identities",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
            options={
                "verbose_name": "WhatsApp identity",
                "default_permissions": (),
                "verbose_name_plural": "WhatsApp identities",
                "indexes": [
                    models.Index(fields=["user_id"], name="identity_user_id"),
                    models.Index(fields=["wa_id"], name="identity_wa_id"),
                    models.Index(fields=["moved_user_id"], name="identity_moved_user_id"),
                    models.Index(
                        condition=models.Q(("moved_at__isnull", False)),
                        fields=["moved_at"],
                        name="identity_moved_at",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subscriber", "portfolio_id"), name="identity_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("user_id", ""), _negated=True),
                        fields=("portfolio_id", "user_id"),
                        name="identity_one_person_per_user_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SentForm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=64)),
                ("filled_in", models.CharField(max_length=64)),
                ("location", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="sent_form_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ShownSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rows", models.BinaryField()),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ImportedPerson",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_new", models.BooleanField()),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="people",
                        to="subscribers.importjob",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.subscriber",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "imported people",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("job", "subscriber"), name="imported_person_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportUndo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=200)),
                ("by", models.CharField(max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("people", models.PositiveIntegerField()),
                ("removed", models.PositiveIntegerField(default=0)),
                ("kept", models.JSONField(default=dict)),
                ("last_subscriber", models.BigIntegerField(default=0)),
                ("runner", models.CharField(blank=True, default="", max_length=36)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undo",
                        to="subscribers.importjob",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["lease_until"],
                        name="importundo_running",
                    )
                ],
            },
        ),
        seal("subscribers_consentevent"),
        migrations.RunPython(SEARCHES.add, SEARCHES.drop),
    ]
