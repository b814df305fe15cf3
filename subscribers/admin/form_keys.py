"""One-time keys of forms: a form creates once, however often it is clicked, sent or revisited.

The key is written in the transaction of what the form creates, so a crash leaves both or neither.
A concurrent repetition waits at the unique row and then finds the first one's result.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.utils.crypto import salted_hmac

from subscribers.admin.page_frame import SHOWN_KEY, staff_user
from subscribers.models import SentForm

FIELD = "form_key"  # the hidden field's name
# The same values from one user are a repetition for so long, whatever their key: the form that a
# browser shows after Back has a new key, and what was typed is in it.
REPEATED_FOR = timedelta(minutes=10)
AGAIN = "again."  # begins the key of a form that was shown with CREATED_BEFORE: its author knows
CREATED_BEFORE = (
    "You created exactly this a moment ago, so nothing was added. Send it again if you want "
    "another one."
)
IGNORED = {FIELD, "csrfmiddlewaretoken"}  # beside what a person filled in
SENT_AGAIN = "This form was already sent. This is what it created. Nothing was added again."
DONE_ALREADY = "This form was already sent. Nothing was done twice."
FILLED_IN_ANEW = (
    "This form has already created something with other values. Send it again to create "
    "something else with these."
)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the same form created when it was sent before."""

    location: str
    at: datetime
    same: bool  # with the same values


class SentBeforeError(Exception):
    """The form created something already: nothing is created again."""

    def __init__(self, earlier: Earlier, words: str = FILLED_IN_ANEW) -> None:
        super().__init__(SENT_AGAIN if earlier.same else words)
        self.earlier = earlier


def new_key(*, again: bool = False) -> str:
    """The hidden field of a form that is shown: 128 random bits. `again`: shown with
    CREATED_BEFORE."""
    return (AGAIN if again else "") + secrets.token_urlsafe(16)


def once(
    request: HttpRequest, create: Callable[[], HttpResponse | None], *, by_values: bool = True
) -> HttpResponse | None:
    """Create what the form asks for, and the response that shows it; once for each key.

    `by_values`: the same values create once within REPEATED_FOR, also without a key, as a program
    sends them, or with another one, as after Back; False for a button alone, which has none.
    None, or a page without a new address, says that nothing was created: the same form may be sent
    again. `create` must not use the network. Raises SentBeforeError for a form that created
    something.
    """
    filled_in, now = _filled_in(request), timezone.now()
    key = request.POST.get(FIELD, "")
    if not key and not by_values:
        return create()
    with transaction.atomic():
        if by_values and not key.startswith(AGAIN):
            _refuse_repetition(request, key, filled_in, now)
        key = _digest(key or f"values {filled_in}")
        own = SentForm.objects.filter(user=staff_user(request), key=key)
        sent, is_first = own.get_or_create(
            user=staff_user(request),
            key=key,
            defaults={"filled_in": filled_in, "created_at": now},
        )
        if is_first:
            response = create()
            created = location_of(response)
            if created:
                SentForm.objects.filter(pk=sent.pk).update(location=created[:500])
            else:
                sent.delete()
            return response
    raise SentBeforeError(_earlier(sent, filled_in))


def _refuse_repetition(request: HttpRequest, key: str, filled_in: str, now: datetime) -> None:
    """Raises SentBeforeError if another form of this user created the same a moment ago."""
    user = staff_user(request)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one after the other
    rows = SentForm.objects.filter(user=user, filled_in=filled_in)
    if not key:
        rows.filter(created_at__lt=now - REPEATED_FOR).delete()
    recent = rows.filter(created_at__gte=now - REPEATED_FOR).exclude(key=_digest(key))
    sent = recent.order_by("-pk").first()
    if sent is not None:
        raise SentBeforeError(Earlier(sent.location, sent.created_at, not key), CREATED_BEFORE)


def at_most_once(
    request: HttpRequest, location: str, act: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Make a decision, which may use the network; at most once for each key.

    It is noted before it is made, so a repetition that comes meanwhile is sent to `location`. What
    fails with an exception may be sent again. Raises SentBeforeError.
    """
    filled_in = _filled_in(request)
    sent, is_first = SentForm.objects.get_or_create(
        user=staff_user(request),
        key=_digest(request.POST.get(FIELD, "") or new_key()),
        defaults={"filled_in": filled_in, "created_at": timezone.now(), "location": location[:500]},
    )
    if not is_first:
        raise SentBeforeError(_earlier(sent, filled_in))
    try:
        return act()
    except Exception:
        sent.delete()
        raise


def check(request: HttpRequest) -> None:
    """For a form that uses the network before it creates. Raises SentBeforeError."""
    key = request.POST.get(FIELD, "")
    rows = SentForm.objects.filter(user=staff_user(request), key=_digest(key))
    sent = rows.first() if key else None
    if sent is not None:
        raise SentBeforeError(_earlier(sent, _filled_in(request)))


def earlier_result(request: HttpRequest, words: str = SENT_AGAIN) -> HttpResponse | None:
    """The page of what the form did, if it was sent before with the same values."""
    try:
        check(request)
    except SentBeforeError as error:
        return first_result(request, error.earlier, words) if error.earlier.same else None
    return None


def first_result(request: HttpRequest, earlier: Earlier, words: str = SENT_AGAIN) -> HttpResponse:
    """The page of what the form did, with a line that says so."""
    messages.info(request, words)
    return HttpResponseRedirect(earlier.location)


def location_of(response: HttpResponse | None) -> str:
    """The address of what a response says was created: a redirection, or Content-Location."""
    if response is None:
        return ""
    return response.headers.get("Location") or response.headers.get("Content-Location", "")


def marked(request: HttpRequest, error: SentBeforeError) -> str:
    """The key of the form that is shown again, with the words of the error."""
    key = new_key(again=str(error) == CREATED_BEFORE)
    setattr(request, SHOWN_KEY, key)
    return key


def derived_secret(request: HttpRequest, purpose: str) -> bytes:
    """256 bits that only this form's key gives again: a secret that is shown once can be shown to
    who sends the form twice, and cannot be had from the database."""
    key = request.POST.get(FIELD, "") or new_key()
    text = f"{staff_user(request).pk} {key}"
    return salted_hmac(f"form {purpose}", text, algorithm="sha256").digest()


def _earlier(sent: SentForm, filled_in: str) -> Earlier:
    same = hmac.compare_digest(sent.filled_in, filled_in)
    return Earlier(sent.location, sent.created_at, same)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _filled_in(request: HttpRequest) -> str:
    """A digest of the address and of the values; keyed, because a password may be among them."""
    digest = salted_hmac("form", request.path, algorithm="sha256")
    for part in _parts(request):
        digest.update(part)
    return digest.hexdigest()


def _parts(request: HttpRequest) -> Iterator[bytes]:
    for name, values in sorted(request.POST.lists()):
        if name not in IGNORED:
            yield f"\n{name}={values!r}".encode()
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            yield f"\n{name}=".encode()
            yield from file.chunks()
            file.seek(0)
