"""Every field's examples: what it is in the whole bodies, so that they never disagree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

MOST = 3
EMPTY: tuple[Any, ...] = (None, "", [], {})


class Fields:
    """Collects the values of each component's fields from examples of whole bodies."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas
        self._seen: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def note(self, schema: Mapping[str, Any], value: Any) -> None:
        """`value` is an example of `schema`: so are its parts of their fields."""
        if several := schema.get("allOf") or schema.get("oneOf"):  # the other: null
            self.note(several[0], value)
        elif "$ref" in schema:
            self._note_fields(schema["$ref"].rpartition("/")[2], value)
        elif isinstance(value, list):
            for one in value:
                self.note(schema.get("items", {}), one)

    def _note_fields(self, component: str, value: Any) -> None:
        if value is None:
            return
        for name, told in self.schemas[component].get("properties", {}).items():
            if name in value:
                self._seen[component, name].append(value[name])
                self.note(told, value[name])

    def put(self) -> None:
        """Write them down: different ones, and empty ones only where there is nothing else."""
        for (component, name), values in self._seen.items():
            told = self.schemas[component]["properties"][name]
            told.pop("example", None)
            if is_leaf(told):
                full = [value for value in values if value not in EMPTY] or values
                told["examples"] = [
                    value for place, value in enumerate(full) if value not in full[:place]
                ][:MOST]


def is_leaf(schema: Mapping[str, Any]) -> bool:
    """Whether it holds a value that its schema does not spell out by itself."""
    refers = {"$ref", "allOf", "oneOf", "enum", "const"} & (
        schema.keys() | schema.get("items", {}).keys()
    )
    return not refers and schema.get("type") != "boolean"
