"""Who may read phone numbers, and what contains them, in full: on pages, in answers, in files."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from distribution.models import ApiToken, Scope
from subscribers.models import EXPORT_SUBSCRIBERS, FULL_PHONE

EXPORT_DELIVERIES = "distribution.export_delivery"


def may_read(user: AbstractBaseUser | AnonymousUser, token: object = None) -> bool:
    """Staff by the permission of their role; a token by its scope, no further than its owner."""
    if isinstance(token, ApiToken) and Scope.SUBSCRIBERS not in token.scopes:
        return False
    return isinstance(user, User) and user.has_perm(FULL_PHONE)


def may_export_deliveries(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Deliveries as a file: names of people, so for the roles that export."""
    return isinstance(user, User) and user.has_perm(EXPORT_DELIVERIES)


def may_export(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Files of many people with their numbers in full."""
    return isinstance(user, User) and user.has_perms([FULL_PHONE, EXPORT_SUBSCRIBERS])
