"""Representations of subscribers: serializers with their validation, and the list's filter."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from distribution.api.http.fields import Body, Day, Text
from distribution.api.http.moments import ZonedDateTimeFilter
from distribution.api.http.parameters import Filters
from masking.phones import mask_phone
from masking.texts import mask_evidence
from subscribers import phones
from subscribers.details import values as rules
from subscribers.details.placeholders import MAX_NAME_LENGTH, MAX_VALUE_LENGTH
from subscribers.details.titles import attribute_name
from subscribers.identity.display import ShownIdentity, identities_of
from subscribers.identity.reading import read_phone
from subscribers.models import ConsentEvent, Status, Subscriber, Tier
from subscribers.people import pauses, status_changes
from subscribers.people import search as searching

FIELDS = ("name", "tier", "status", "language", "email", "attributes", "created_at", "updated_at")


class Identity(serializers.Serializer[ShownIdentity]):
    """A person's ids in WhatsApp for one business portfolio."""

    portfolio_id = serializers.CharField(help_text="Meta's id of the portfolio, or empty.")
    wa_id = serializers.CharField(help_text="WhatsApp's own spelling of the phone, or empty.")
    user_id = serializers.CharField(help_text="The business-scoped user id, or empty.")


class SubscriberRow(serializers.ModelSerializer[Subscriber]):
    """A subscriber with a masked phone."""

    in_full = False
    phone = serializers.SerializerMethodField(help_text="Masked: +91******5601.")
    language = serializers.CharField(help_text="en, hi, en_IN …")
    email = serializers.CharField(help_text="Empty if there is none.")
    attributes = serializers.DictField(
        child=serializers.CharField(), help_text="Texts by name, for placeholders."
    )

    identities = serializers.SerializerMethodField(
        help_text="The person's ids in WhatsApp, the latest first. In a list they are masked "
        "like the phone."
    )

    class Meta:
        model = Subscriber
        fields = ("id", "phone", *FIELDS, "identities")
        read_only_fields = fields

    def get_phone(self, person: Subscriber) -> str:
        return mask_phone(person.phone)

    @extend_schema_field(Identity(many=True))
    def get_identities(self, person: Subscriber) -> list[dict[str, Any]]:
        return [dict(Identity(row).data) for row in identities_of(person, in_full=self.in_full)]


class OneSubscriber(SubscriberRow):
    """A subscriber, with the full phone if the caller's role can see it."""

    phone = serializers.SerializerMethodField(
        help_text="+919812345601 if the caller's role can see full numbers, otherwise "
        "+91******5601."
    )

    @property
    def in_full(self) -> bool:  # type: ignore[override]
        return bool(self.context.get("in_full"))

    def get_phone(self, person: Subscriber) -> str:
        return person.phone if self.in_full else super().get_phone(person)


class Details(Body):
    """A subscriber's details apart from the phone."""

    name = Text(max_length=rules.MAX_NAME, required=False, allow_blank=True)
    tier = serializers.ChoiceField(Tier.choices, required=False, help_text="BASIC by default.")
    language = Text(
        max_length=20, required=False, help_text="A code such as en, hi, en_IN, or Hindi."
    )
    email = Text(max_length=rules.MAX_EMAIL, required=False, allow_blank=True)
    attributes = serializers.DictField(
        child=Text(allow_blank=True, max_length=MAX_VALUE_LENGTH),
        required=False,
        help_text=f"Texts by name, up to {rules.MAX_ATTRIBUTES}.",
    )

    def validate_name(self, value: str) -> str:
        return _read_cell("name", value)

    def validate_language(self, value: str) -> str:
        return _read_cell("language", value)

    def validate_email(self, value: str) -> str:
        return _read_cell("email", value) if value.strip() else ""

    def validate_attributes(self, values: dict[str, str]) -> dict[str, str]:
        if len(values) > rules.MAX_ATTRIBUTES:
            raise serializers.ValidationError(f"Send at most {rules.MAX_ATTRIBUTES}.", "too_many")
        attributes = {attribute_name(title): _read_cell("", text) for title, text in values.items()}
        if "" in attributes or len(attributes) < len(values):
            raise serializers.ValidationError(
                "Each attribute needs a unique name that is not a subscriber field.", "name"
            )
        return attributes


class NewSubscriber(Details):
    """A new subscriber and the proof of consent."""

    phone = Text(
        max_length=phones.MAX_WRITTEN_LENGTH,
        help_text="In any spelling. Without a country code it is Indian.",
    )
    consent_source = Text(
        max_length=500,
        help_text="How the person consented: where, and to what text. Kept as evidence.",
    )

    def validate_phone(self, value: str) -> str:
        try:
            return read_phone(value)
        except phones.InvalidPhone as error:
            raise serializers.ValidationError(str(error), "phone_invalid") from None

    def validate_attributes(self, values: dict[str, str]) -> dict[str, str]:
        attributes = super().validate_attributes(values)
        return {name: text for name, text in attributes.items() if text}


class StatusChange(Body):
    """The new status and the reason."""

    status = serializers.ChoiceField(status_changes.SETTABLE_STATUSES)
    reason = Text(max_length=150, help_text="Kept as evidence.")
    consent_source = Text(
        max_length=500,
        required=False,
        help_text="For ACTIVE after they unsubscribed: how they consented again.",
    )
    resumes_on = Day(
        required=False,
        help_text="For PAUSED: the first day, in India, on which they get messages again. Without "
        "it the pause has no end.",
    )

    def validate_resumes_on(self, day: date) -> date:
        if objection := pauses.objection_to_end(day, timezone.now()):
            raise serializers.ValidationError(objection, "past")
        return day

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "resumes_on" in attrs and attrs["status"] != Status.PAUSED:
            raise serializers.ValidationError(
                {"resumes_on": [ErrorDetail("Only a pause has an end.", "not_a_pause")]}
            )
        return attrs


class ConsentRow(serializers.ModelSerializer[ConsentEvent]):
    """A consent decision on record."""

    source = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field of this name
        help_text="The source of the decision, such as whatsapp:STOP."
    )
    evidence = serializers.SerializerMethodField(
        help_text="The evidence. Meta's message ids contain the number, so they need a role "
        "that can see full numbers."
    )
    notice = serializers.SerializerMethodField(help_text="The text they consented to.")

    class Meta:
        model = ConsentEvent
        fields = ("kind", "at", "source", "evidence", "notice", "actor")
        read_only_fields = fields

    def get_source(self, event: ConsentEvent) -> str:
        return self._told(event.source)

    def get_evidence(self, event: ConsentEvent) -> str:
        return self._told(event.evidence)

    def get_notice(self, event: ConsentEvent) -> str:
        return self._told(event.notice)

    def _told(self, text: str) -> str:
        return text if self.context.get("in_full") else mask_evidence(text)


class SubscriberFilter(Filters):
    """Which subscribers; several filters narrow each other."""

    status = filters.ChoiceFilter(choices=Status.choices)
    tier = filters.ChoiceFilter(choices=Tier.choices)
    language = filters.CharFilter(max_length=6, help_text="en, hi, en_IN …")
    attribute = filters.CharFilter(
        method="filter_attribute", max_length=MAX_NAME_LENGTH + MAX_VALUE_LENGTH
    )
    updated_since = ZonedDateTimeFilter(
        method="filter_since",
        help_text="Changed at or after this time, with its zone: 2026-11-23T06:00:00Z.",
    )
    search = filters.CharFilter(
        method="filter_search",
        max_length=100,
        help_text="A phone in any spelling, its last four digits, a WhatsApp user id, the "
        "beginning of a name, or a full email.",
    )

    @extend_schema_field(
        {
            "type": "string",
            "pattern": "^[^:]+:.*$",
            "description": "`name:value`, an exact match: `city:Pune`, `tag:vip`.",
        }
    )
    def filter_attribute(
        self, people: QuerySet[Subscriber], _field: str, term: str
    ) -> QuerySet[Subscriber]:
        name, colon, value = term.partition(":")
        if not (colon and name.strip()):
            raise ValidationError({"attribute": "Send name:value, for example city:Pune."})
        return searching.with_attribute(people, name.strip(), value.strip())

    def filter_since(
        self, people: QuerySet[Subscriber], _field: str, since: datetime
    ) -> QuerySet[Subscriber]:
        try:
            moment = since.astimezone(UTC)  # PostgreSQL takes zones up to 15:59 only
        except OverflowError:
            raise ValidationError({"updated_since": "Choose another time."}) from None
        return people.filter(updated_at__gte=moment)

    def filter_search(
        self, people: QuerySet[Subscriber], _field: str, term: str
    ) -> QuerySet[Subscriber]:
        return searching.search(people, term)


def _read_cell(key: str, text: str) -> str:
    """Validate a value by the rules for cells of imported files."""
    try:
        return rules.read_value(key, text)
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from None
