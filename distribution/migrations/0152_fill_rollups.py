"""Earlier deliveries get a language, and earlier distributions are marked to be counted."""

from django.db import migrations, models
from django.utils import timezone


def freeze_languages(apps, schema_editor):
    """The language that their subscriber has now: nobody wrote down the one of that morning."""
    del schema_editor
    subscribers = apps.get_model("subscribers", "Subscriber").objects
    spoken = subscribers.filter(pk=models.OuterRef("subscriber_id")).values("language")
    deliveries = apps.get_model("distribution", "Delivery").objects.filter(language="")
    deliveries.update(language=models.Subquery(spoken[:1]))


def mark_all(apps, schema_editor):
    del schema_editor
    ended = apps.get_model("distribution", "Distribution").objects.filter(
        state__in=["COMPLETED", "CANCELLED"]
    )
    mark, now = apps.get_model("distribution", "RollupMark"), timezone.now()
    mark.objects.bulk_create(mark(distribution_id=one.pk, at=now) for one in ended.only("pk"))


class Migration(migrations.Migration):
    dependencies = [
        ("distribution", "0151_add_rollups"),
        ("subscribers", "0004_add_imports_and_erasures"),
    ]
    operations = [
        migrations.RunPython(freeze_languages, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(mark_all, migrations.RunPython.noop, elidable=True),
    ]
