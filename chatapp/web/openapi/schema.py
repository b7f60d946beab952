"""Schemas: what pydantic says of the bodies that it validates, and of the shapes that views answer with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from chatapp.web.body import Body

PLACE = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Without titles, which repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Schemas:
    """The schemas of these shapes: `components` by name, and for each shape what stands where it is used."""

    def __init__(self, shapes: Iterable[Any]) -> None:
        self._known = list(dict.fromkeys(shapes))
        inputs = [(number, _mode(shape), TypeAdapter(shape)) for number, shape in enumerate(self._known)]
        used, defined = TypeAdapter.json_schemas(inputs, ref_template=PLACE, schema_generator=_Plain)
        self._used = {key: value for (key, _), value in used.items()}
        self.components: dict[str, Any] = _without_titles(defined.get("$defs", {}))

    def of(self, shape: Any) -> dict[str, Any]:
        """A reference to the shape's schema, or the schema itself where it has no name."""
        found: dict[str, Any] = _without_titles(self._used[self._known.index(shape)])
        return found


def _mode(shape: Any) -> Literal["validation", "serialization"]:
    return "validation" if isinstance(shape, type) and issubclass(shape, Body) else "serialization"


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }
