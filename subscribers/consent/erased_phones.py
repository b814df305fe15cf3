"""Erased people are recognised by keyed hashes of their phone and of WhatsApp's ids of them, and by
nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce, Greatest

from subscribers.identity.spellings import spellings
from subscribers.models import ErasedIdentity, Erasure, Suppression

OPAQUE = "erased:"  # begins what stands in the place of a message id


def phone_hash(phone: str) -> str:
    """The keyed hash of an E.164 number; without a key, trying all numbers would reveal it."""
    return _hash(phone, _keys()[0])


def identity_hashes(wa_ids: Iterable[str], user_ids: Iterable[str]) -> set[str]:
    """The keyed hashes of what WhatsApp calls a person, to be kept beside that of the phone."""
    values = {f"+{wa_id}" for wa_id in wa_ids if wa_id} | set(filter(None, user_ids))
    return {_hash(value, _keys()[0]) for value in values}


def opaque_id(message_id: str) -> str:
    """What stands in the place of a message id of somebody who was erased: a keyed hash, so that a
    late report with the same id is still found, and nothing can be read from it."""
    if message_id.startswith(OPAQUE):
        return message_id
    return f"{OPAQUE}{_hash(f'message:{message_id}', _keys()[0])[:40]}"


class KnownHashes:
    """The kept hashes of some erasures, to recognise many names without asking for each."""

    def __init__(self, erasure_ids: Collection[int]) -> None:
        phones = Erasure.objects.filter(pk__in=erasure_ids).values_list("phone_hash", flat=True)
        others = ErasedIdentity.objects.filter(erasure__in=erasure_ids)
        self._hashes = {*phones, *others.values_list("identity_hash", flat=True)}

    def match(self, name: str) -> bool:
        """Whether a phone (E.164) in any spelling, or a user id, is one of theirs."""
        names = spellings(name) if name.startswith("+") else (name,)
        return any(_hash(one, key) in self._hashes for one in names for key in _keys())


def find_erased(phones: Iterable[str]) -> set[str]:
    """Those of these phones (E.164) that were erased, in any spelling, and have not written START
    since."""
    return _find({phone: spellings(phone) for phone in phones})


def find_erased_user_ids(user_ids: Iterable[str]) -> set[str]:
    """Those of these user ids that belong to erased people who have not written START since."""
    return _find({user_id: (user_id,) for user_id in user_ids if user_id})


def _find(candidates: Mapping[str, Iterable[str]]) -> set[str]:
    """Those whose names, or spellings, were erased."""
    if not candidates or not Erasure.objects.exists():
        return set()
    owners: dict[str, set[str]] = defaultdict(set)  # two spellings of one phone share their names
    for candidate, names in candidates.items():
        for name in names:
            owners[name].add(candidate)
    by_hash = {_hash(name, key): name for name in owners for key in _keys()}
    erased: dict[str, datetime] = {}
    for digest, asked_at in _requests(by_hash):
        for candidate in owners[by_hash[digest]]:
            erased[candidate] = max(asked_at, erased.get(candidate, asked_at))
    known = {name for candidate in erased for name in candidates[candidate]}
    returned = Suppression.objects.filter(Q(phone__in=known) | Q(user_id__in=known), holds=False)
    back = {
        candidate
        for row in returned
        for candidate in owners[row.phone or row.user_id or ""]
        if candidate in erased and row.at > erased[candidate]
    }
    return erased.keys() - back


def _requests(hashes: Iterable[str]) -> list[tuple[str, datetime]]:
    """The requests to erase that have these hashes, and when they were made."""
    digests = list(hashes)
    phones = Erasure.objects.filter(phone_hash__in=digests)
    others = ErasedIdentity.objects.filter(identity_hash__in=digests)
    asked = Coalesce(Greatest("stopped_at", "asked_at"), "asked_at")
    of_others = Coalesce(Greatest("erasure__stopped_at", "erasure__asked_at"), "erasure__asked_at")
    return [
        *phones.annotate(since=asked).values_list("phone_hash", "since"),
        *others.annotate(since=of_others).values_list("identity_hash", "since"),
    ]


def stop_or_refuse(phone: str, user_id: str, *, wants: bool, at: datetime, now: datetime) -> bool:
    """Take the STOP of somebody who was erased, or a START that does not bring them back.

    Nothing but the moment is kept of it, beside the hashes that are there: True. Everything else,
    such as a START that is later than all of that, is to be kept as for anybody: False.
    """
    names = {*spellings(phone), user_id} - {""} if phone else {user_id} - {""}
    erasures = _erasures_of(names)
    if not erasures:
        return False
    since = max(max(row.asked_at, row.stopped_at or row.asked_at) for row in erasures)
    if wants:
        return at <= since
    ids = [erasure.pk for erasure in erasures]
    ErasedIdentity.objects.bulk_create(  # later they may be named by the user id alone
        [
            ErasedIdentity(erasure_id=pk, identity_hash=digest)
            for pk in ids
            for digest in identity_hashes([], [user_id])
        ],
        ignore_conflicts=True,
    )
    moment = min(at, now)  # a clock that runs ahead must not outrank the next START
    Erasure.objects.filter(Q(stopped_at=None) | Q(stopped_at__lt=moment), pk__in=ids).update(
        stopped_at=moment
    )
    ids_of = Q(phone__in=names) | Q(user_id__in=names)
    Suppression.objects.filter(ids_of, at__lte=moment).delete()
    return True


def _erasures_of(names: Iterable[str]) -> list[Erasure]:
    """The erasures that have the hash of one of these names."""
    if not Erasure.objects.exists():
        return []
    hashes = {_hash(name, key) for name in names for key in _keys()}
    known = Q(phone_hash__in=hashes) | Q(identities__identity_hash__in=hashes)
    return list(Erasure.objects.filter(known).distinct())


def _keys() -> list[str]:
    """The key in use first, then those it replaced."""
    own = [settings.ERASURE_KEY] if settings.ERASURE_KEY else []
    return [*own, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _hash(phone: str, key: str) -> str:
    return hmac.new(key.encode(), f"erased:{phone}".encode(), hashlib.sha256).hexdigest()
