"""Meta's id and name of the portfolio that owns the configured account."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import IntegrityError, transaction

from phonepool.cloud_api.client import CloudApi
from phonepool.exceptions import CloudApiError
from phonepool.models import Portfolio

log = logging.getLogger(__name__)


def complete(api: CloudApi) -> None:
    """Gives the portfolio that stands in for that of WHATSAPP_BUSINESS_ID its id and name at Meta.

    One that a person has named is left alone.
    """
    account = settings.WHATSAPP_BUSINESS_ID
    unnamed = Portfolio.objects.filter(business_id=account, name="")
    if not account or not unnamed.exists():
        return
    try:
        owner = api.owner(account)
        if owner.id:
            with transaction.atomic():
                unnamed.update(business_id=owner.id[:32], name=owner.name[:80])
    except CloudApiError as error:
        log.warning("the owner of account %s could not be read: %s", account, error)
    except IntegrityError:  # it has a row already: a person decides which one goes
        log.warning("portfolio %s is there twice", owner.id)
