"""Sets up the sandbox's account for `manage.py up --with-sandbox`; changes nothing a second time.

A separate process, because it needs the settings of the services that were started.
"""

from __future__ import annotations

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import preparation  # noqa: E402
from config.demo.journal_verdict import SandboxClient  # noqa: E402
from config.demo.progress import print_line  # noqa: E402
from config.setup import registry  # noqa: E402
from distribution.mirror import template_sync  # noqa: E402
from phonepool.cloud_api import client  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402


def main() -> int:
    ours = [number.meta_id for number in preparation.POOL]
    if PhoneNumber.objects.exclude(meta_id__in=ours).exists():
        print_line(
            "This database has phone numbers of another account. They stay as they are: "
            "the sandbox does not know them. For a trial, set DAYBREAK_VAR to another folder."
        )
        return 0
    preparation.write_template(SandboxClient(settings.WHATSAPP_API_BASE))
    labels = [number.label for number in preparation.POOL]
    if PhoneNumber.objects.filter(label__in=labels).count() < len(labels):
        preparation.set_up_pool(preparation.POOL)
    template_sync.sync(client.client(), now=timezone.now())
    registry.run(timezone.now())  # the home page says what is left
    return 0


if __name__ == "__main__":
    sys.exit(main())
