"""The tables of this app that hold personal data: how each is erased, what of it is theirs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from evidence import erasing
from masking.phones import mask_phone
from subscribers.importing import stored_files
from subscribers.importing.jobs import RUNNING
from subscribers.models import (
    ConsentEvent,
    Erasure,
    ImportFile,
    ImportJob,
    ImportState,
    ImportUndo,
    Note,
    Reply,
    Subscriber,
    Suppression,
    WhatsAppIdentity,
)
from subscribers.paging import in_pages
from subscribers.people.personal_data import (
    Place,
    candidates,
    erase_sealed,
    linked_rows,
    scrub_rows,
    texts_place,
)
from subscribers.people.traces import Person

NAMED_IN_LIST = (
    "Someone in this list asked to be erased. Remove them from the list and upload it again."
)


def named_in_running_import(person: Person) -> bool:
    """Whether a list that is being worked on has this person, or cannot be looked into yet."""
    files = in_pages(ImportFile.objects.filter(job__state__in=RUNNING), rows_together=1)
    return any(_is_in(person, file) for file in files)


def _erase_events(person: Person, _blank: str) -> None:
    """Consent stays with its moments; message ids go, and every value that names the person."""
    events = ConsentEvent.objects.filter(subscriber=person.pk)
    with_ids = events.filter(evidence__contains="wamid.").values_list("pk", flat=True)
    erasing.erase("subscribers.ConsentEvent", with_ids, ["evidence"])
    erase_sealed(events, person, ("source", "evidence", "notice"))


def _erase_files(person: Person, _blank: str) -> None:
    """Lists that have the person are deleted; one that waits for a confirmation is cancelled."""
    for file in in_pages(ImportFile.objects.select_related("job"), rows_together=1):
        if not _is_in(person, file):
            continue
        waiting = ImportJob.objects.filter(pk=file.job_id, state=ImportState.CHECKED)
        waiting.update(state=ImportState.CANCELLED, problem=NAMED_IN_LIST)
        stored_files.delete(ImportFile.objects.filter(pk=file.pk))


def _is_in(person: Person, file: ImportFile) -> bool:
    if file.is_workbook:  # compressed: nobody can tell, so it goes with whoever is erased
        return True
    return any(map(person.is_named_in, stored_files.texts(file)))


def _erase_jobs(person: Person, _blank: str) -> None:
    """Rows of the person in the samples that a check keeps, and what names them elsewhere."""
    masked = mask_phone(person.phone)
    mine = replace(person, names=(*person.names, masked))
    for job in candidates(ImportJob.objects.all(), mine, ("samples",)):
        samples = {kind: _without(person, masked, rows) for kind, rows in job.samples.items()}
        if samples != job.samples:
            ImportJob.objects.filter(pk=job.pk).update(samples=samples)
    columns = ("filename", "consent_source", "problem")
    others = person.among_others
    scrub_rows(ImportJob.objects.all(), others, columns, ("samples", "columns"))


def _without(person: Person, masked: str, rows: Any) -> Any:
    """The rows of a sample without those of the phone; refused ones by the end that they show."""
    if not isinstance(rows, list):
        return rows
    return [row for row in rows if not (isinstance(row, dict) and _is_theirs(person, masked, row))]


def _is_theirs(person: Person, masked: str, row: dict[str, Any]) -> bool:
    if row.get("phone") == masked or person.is_named_in(" ".join(map(str, row.values()))):
        return True
    cell = str(row.get("cell", ""))
    return re.search(r"\*\D{0,2}\d\D{0,2}\d$", cell) is not None and (
        re.sub(r"\D", "", cell)[-2:] == person.phone[-2:]
    )


def _suppressions_of(person: Person) -> QuerySet[Suppression]:
    theirs = Q(phone__in=person.phones) | Q(user_id__in=person.user_ids)
    return Suppression.objects.filter(theirs)


def _erase_suppressions(person: Person, _blank: str) -> None:
    _suppressions_of(person).delete()


def _erase_notes(person: Person, _blank: str) -> None:
    """Notes about them are deleted; what names them in a note about somebody else is taken out."""
    Note.objects.filter(subscriber=person.pk).delete()
    scrub_rows(Note.objects.all(), person.among_others, ("text",))


def _erase_request(person: Person, _blank: str) -> None:
    scrub_rows(Erasure.objects.filter(subscriber=person.pk), person, ("reason",))


def _held_suppressions(person: Person) -> list[dict[str, Any]]:
    return list(map(dict, _suppressions_of(person).order_by("pk").values()))


def _held_samples(person: Person) -> list[dict[str, Any]]:
    """Rows of the person among those that checks of lists show, by masked phone and name."""
    masked, found = mask_phone(person.phone), []
    for job in ImportJob.objects.exclude(samples={}).only("filename", "samples").iterator():
        for kind, rows in job.samples.items():
            mine = [row for row in rows if isinstance(row, dict) and row.get("phone") == masked]
            names = set(person.names)
            mine = [row for row in mine if not names or row.get("name") in ("", *names)]
            found += [{"import": job.pk, "file": job.filename, "kind": kind, **row} for row in mine]
    return found


def _held_lines(person: Person) -> list[dict[str, Any]]:
    """Lines of uploaded lists that name the person."""
    found = []
    for file in in_pages(ImportFile.objects.filter(is_workbook=False), rows_together=1):
        lines = [
            line
            for text in stored_files.texts(file)
            if person.is_named_in(text)
            for line in text.splitlines()
            if person.is_named_in(line)
        ]
        if lines:
            found.append({"import": file.job_id, "lines": lines})
    return found


PLACES = (
    Place("subscribers_consentevent", _erase_events, linked_rows(ConsentEvent)),
    Place(
        "subscribers_whatsappidentity",
        lambda person, _: WhatsAppIdentity.objects.filter(subscriber=person.pk).delete(),
        linked_rows(WhatsAppIdentity),
    ),
    Place(
        "subscribers_reply",
        lambda person, _: Reply.objects.filter(subscriber=person.pk).delete(),
        linked_rows(Reply),
    ),
    Place("subscribers_note", _erase_notes, linked_rows(Note)),
    Place("subscribers_suppression", _erase_suppressions, _held_suppressions),
    Place("subscribers_importfile", _erase_files, _held_lines),
    # Its beginning is in subscribers_importfile: what finds or deletes one, does both.
    Place("subscribers_importpiece", lambda _person, _blank: None, lambda _person: []),
    Place("subscribers_importjob", _erase_jobs, _held_samples),
    texts_place(ImportUndo.objects.all(), ("reason",)),
    Place("subscribers_erasure", _erase_request, linked_rows(Erasure)),
    Place("subscribers_subscriber", lambda _person, _blank: None, linked_rows(Subscriber, "pk")),
)
