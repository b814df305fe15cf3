from django.db import migrations, models

from evidence.sealing import seal, unseal

DECISIONS = [
    "SUBMITTED",
    "APPROVED",
    "REJECTED",
    "EDITED",
    "REPLACED",
    "CHOSEN",
    "WITHDRAWN",
    "COMMENTED",
]


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0018_encrypt_secrets"),
        ("evidence", "0003_erasable_notices"),
    ]

    operations = [
        unseal("distribution_approval", ("reason",)),
        migrations.RemoveConstraint(model_name="approval", name="approval_decision_known"),
        migrations.AlterField(
            model_name="approval",
            name="decision",
            field=models.CharField(
                choices=[(decision, decision.title()) for decision in DECISIONS], max_length=9
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(decision__in=DECISIONS), name="approval_decision_known"
            ),
        ),
        seal("distribution_approval", ("reason",)),
    ]
