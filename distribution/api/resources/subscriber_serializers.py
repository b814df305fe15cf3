"""Representations of subscribers: serializers with their validation, and the list's filter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from distribution.api.http.fields import Body, Text
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
from subscribers.people import search as searching
from subscribers.people import status_changes

FIELDS = ("name", "tier", "status", "language", "email", "attributes", "created_at", "updated_at")


class Identity(serializers.Serializer[ShownIdentity]):
    """What WhatsApp calls somebody in one business portfolio."""

    portfolio_id = serializers.CharField(help_text="Meta's id of the portfolio; may be empty.")
    wa_id = serializers.CharField(help_text="WhatsApp's own spelling of the phone, or empty.")
    user_id = serializers.CharField(help_text="The business-scoped user id, or empty.")


class SubscriberRow(serializers.ModelSerializer[Subscriber]):
    """A subscriber in a list: the phone is masked."""

    in_full = False
    phone = serializers.SerializerMethodField(help_text="Masked: +91******5601.")
    language = serializers.CharField(help_text="en, hi, en_IN …")
    email = serializers.CharField(help_text="Empty when there is none.")
    attributes = serializers.DictField(
        child=serializers.CharField(), help_text="Text by name, for personalisation."
    )

    identities = serializers.SerializerMethodField(
        help_text="What WhatsApp calls them, the latest first; in a list masked like the phone."
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
    """A subscriber alone: the phone in full for who may read that, else masked."""

    phone = serializers.SerializerMethodField(
        help_text="+919812345601 for who may read numbers in full, else +91******5601."
    )

    @property
    def in_full(self) -> bool:  # type: ignore[override]
        return bool(self.context.get("in_full"))

    def get_phone(self, person: Subscriber) -> str:
        return person.phone if self.in_full else super().get_phone(person)


class Details(Body):
    """What is known of somebody beside the phone."""

    name = Text(max_length=rules.MAX_NAME, required=False, allow_blank=True)
    tier = serializers.ChoiceField(Tier.choices, required=False, help_text="BASIC is the usual.")
    language = Text(
        max_length=20, required=False, help_text="A code such as en, hi, en_IN, or Hindi."
    )
    email = Text(max_length=rules.MAX_EMAIL, required=False, allow_blank=True)
    attributes = serializers.DictField(
        child=Text(allow_blank=True, max_length=MAX_VALUE_LENGTH),
        required=False,
        help_text=f"Text by name, up to {rules.MAX_ATTRIBUTES} of them.",
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
                "Each needs a name of its own, which is none of a subscriber's fields.", "name"
            )
        return attributes


class NewSubscriber(Details):
    """Somebody to be added, with the proof that they agreed."""

    phone = Text(
        max_length=phones.MAX_WRITTEN_LENGTH,
        help_text="Any spelling; without a country code it is Indian.",
    )
    consent_source = Text(
        max_length=500, help_text="Where, and to what wording, they agreed. Kept as evidence."
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
    """What status somebody is to have, and why."""

    status = serializers.ChoiceField(status_changes.SETTABLE_STATUSES)
    reason = Text(max_length=150, help_text="Kept as evidence.")
    consent_source = Text(
        max_length=500,
        required=False,
        help_text="For ACTIVE after they unsubscribed: where, and to what wording, they agreed "
        "anew.",
    )


class ConsentRow(serializers.ModelSerializer[ConsentEvent]):
    """A decision about somebody, as it is kept for good."""

    source = serializers.SerializerMethodField(  # type: ignore[assignment]  # a field of this name
        help_text="Where it came from: whatsapp:STOP …"
    )
    evidence = serializers.SerializerMethodField(
        help_text="What proves it; Meta's message ids, which contain the number, only for who may "
        "read numbers in full."
    )
    notice = serializers.SerializerMethodField(help_text="The words that they agreed to.")

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
        help_text="Changed at this moment or later, with its zone: 2026-11-23T06:00:00Z.",
    )
    search = filters.CharFilter(
        method="filter_search",
        max_length=100,
        help_text="A phone in any spelling, its last four digits, a WhatsApp user id, the "
        "beginning of a name, or a whole email.",
    )

    @extend_schema_field(
        {
            "type": "string",
            "pattern": "^[^:]+:.*$",
            "description": "`name:value`, to the letter: `city:Pune`, `tag:vip`.",
        }
    )
    def filter_attribute(
        self, people: QuerySet[Subscriber], _field: str, term: str
    ) -> QuerySet[Subscriber]:
        name, colon, value = term.partition(":")
        if not (colon and name.strip()):
            raise ValidationError({"attribute": "Write name:value, for example city:Pune."})
        return searching.with_attribute(people, name.strip(), value.strip())

    def filter_since(
        self, people: QuerySet[Subscriber], _field: str, since: datetime
    ) -> QuerySet[Subscriber]:
        try:
            moment = since.astimezone(UTC)  # PostgreSQL takes zones up to 15:59 only
        except OverflowError:
            raise ValidationError({"updated_since": "Choose another moment."}) from None
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
