import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0003_index_searches"),
    ]

    operations = [
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
            ],
            options={
                "verbose_name_plural": "erased identities",
                "default_permissions": (),
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
            ],
            options={
                "verbose_name": "WhatsApp identity",
                "default_permissions": (),
                "verbose_name_plural": "WhatsApp identities",
            },
        ),
        migrations.AddField(
            model_name="suppression",
            name="portfolio_id",
            field=models.CharField(blank=True, default="", max_length=32),
        ),
        migrations.AddField(
            model_name="suppression",
            name="user_id",
            field=models.CharField(blank=True, max_length=150, null=True),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="phone",
            field=models.CharField(blank=True, max_length=16, null=True, unique=True),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                fields=("user_id", "portfolio_id"), name="suppression_once_per_user_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("phone", None), ("user_id__isnull", False)),
                    models.Q(("phone__isnull", False), ("user_id", None)),
                    _connector="OR",
                ),
                name="suppression_of_phone_or_user_id",
            ),
        ),
        migrations.AddField(
            model_name="erasedidentity",
            name="erasure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="identities",
                to="subscribers.erasure",
            ),
        ),
        migrations.AddField(
            model_name="whatsappidentity",
            name="subscriber",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="identities",
                to="subscribers.subscriber",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasedidentity",
            constraint=models.UniqueConstraint(
                fields=("erasure", "identity_hash"), name="erased_identity_once"
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappidentity",
            index=models.Index(fields=["user_id"], name="identity_user_id"),
        ),
        migrations.AddIndex(
            model_name="whatsappidentity",
            index=models.Index(fields=["wa_id"], name="identity_wa_id"),
        ),
        migrations.AddIndex(
            model_name="whatsappidentity",
            index=models.Index(fields=["moved_user_id"], name="identity_moved_user_id"),
        ),
        migrations.AddConstraint(
            model_name="whatsappidentity",
            constraint=models.UniqueConstraint(
                fields=("subscriber", "portfolio_id"), name="identity_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappidentity",
            constraint=models.UniqueConstraint(
                condition=models.Q(("user_id", ""), _negated=True),
                fields=("portfolio_id", "user_id"),
                name="identity_one_person_per_user_id",
            ),
        ),
    ]
