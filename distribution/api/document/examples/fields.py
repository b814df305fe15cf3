"""Examples of single fields, collected from the examples of whole bodies so that both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

FIELD_EXAMPLES_LIMIT = 3
EMPTY: tuple[Any, ...] = (None, "", [], {})


class FieldExamples:
    """Collects the values of each component's fields."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas
        self._values: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def collect(self, schema: Mapping[str, Any], value: Any) -> None:
        """Note the fields of `value`, an example of `schema`, and of everything inside it."""
        if alternatives := schema.get("allOf") or schema.get("oneOf"):  # the second is null
            self.collect(alternatives[0], value)
        elif "$ref" in schema:
            self._collect_fields(component_of(schema), value)
        elif isinstance(value, list):
            for item in value:
                self.collect(schema.get("items", {}), item)

    def _collect_fields(self, component: str, value: Any) -> None:
        if value is None:
            return
        for name, schema in self.schemas[component].get("properties", {}).items():
            if name in value:
                self._values[component, name].append(value[name])
                self.collect(schema, value[name])

    def insert(self) -> None:
        """Write distinct values into the schemas; empty ones only if there are no others."""
        for (component, name), values in self._values.items():
            schema = self.schemas[component]["properties"][name]
            schema.pop("example", None)
            if needs_examples(schema):
                filled = [value for value in values if value not in EMPTY] or values
                schema["examples"] = [
                    value for index, value in enumerate(filled) if value not in filled[:index]
                ][:FIELD_EXAMPLES_LIMIT]


def component_of(schema: Mapping[str, Any]) -> str:
    """The name of the component that a schema refers to, or an empty text."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def needs_examples(schema: Mapping[str, Any]) -> bool:
    """Whether the schema itself does not list the possible values."""
    listed = {"$ref", "allOf", "oneOf", "enum", "const"}
    keys = schema.keys() | schema.get("items", {}).keys()
    return not listed & keys and schema.get("type") != "boolean"
