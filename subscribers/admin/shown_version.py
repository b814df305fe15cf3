"""What a page displayed, signed into its form, and the difference to what is stored when it is
posted: an action applies to what its author saw. The pages of all apps use it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core import signing

from subscribers import shown_part

FIELD = "shown_version"  # the hidden field's name
CHANGED = "This changed since you opened it."
LONGEST_FACT = 2_000  # characters of one fact, in the hidden field and in the difference


@dataclass(frozen=True, slots=True)
class Shown:
    """A page's state: `of` names its subject, `version` decides, `facts` are told to people.

    `facts` maps labels to texts.
    """

    of: str
    version: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Label, what the page displayed, what is stored now; `since` tells of the steps between."""

    rows: Sequence[tuple[str, str, str]]
    since: Sequence[str] = ()


def of_facts(of: str, facts: Mapping[str, str]) -> Shown:
    """A state whose version is the digest of all that is displayed."""
    text = json.dumps(list(facts.items()))
    return Shown(of, hashlib.sha256(text.encode()).hexdigest(), facts)


def seal(shown: Shown) -> str:
    """The value of the form's hidden field."""
    facts = {label: shown_part.cut(text, LONGEST_FACT) for label, text in shown.facts.items()}
    return signing.dumps([shown.version, facts], salt=_salt(shown.of), compress=True)


def difference(posted: str, now: Shown) -> Difference | None:
    """How what is stored differs from what was displayed; None: it does not.

    A form without the field, or with another page's, has displayed nothing that is known.
    """
    try:
        version, before = signing.loads(posted, salt=_salt(now.of))
    except signing.BadSignature:
        version, before = None, {}
    if version == now.version:
        return None
    after = {label: shown_part.cut(text, LONGEST_FACT) for label, text in now.facts.items()}
    labels = dict.fromkeys([*before, *after])
    rows = [(label, before.get(label, ""), after.get(label, "")) for label in labels]
    return Difference([row for row in rows if before and row[1] != row[2]])


def _salt(of: str) -> str:
    return f"shown:{of}"
