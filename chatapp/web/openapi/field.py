"""Fields: one row of a table, of what may be said and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from markupsafe import Markup

from chatapp.web.markdown.renderer import render

_LONGEST_PATTERN = 70
_BOUNDS = (
    ("minimum", "maximum", "{} to {}"),
    ("minLength", "maxLength", "{} to {} characters"),
    ("minItems", "maxItems", "{} to {} of them"),
)


@dataclass(frozen=True, slots=True)
class Field:
    """A name, where it stands, what it may be, and what it means. `shape` names the shape that it has or holds."""

    name: str
    place: str
    is_required: bool
    type: str
    shape: str
    means: Markup

    @classmethod
    def of_parameter(cls, told: Mapping[str, Any]) -> Self:
        schema = told["schema"]
        return cls(
            told["name"],
            told["in"],
            told["required"],
            _type(schema),
            "",
            _means(told["description"], schema),
        )


def fields(schema: Mapping[str, Any]) -> Iterator[Field]:
    """The fields of an object."""
    for name, told in schema.get("properties", {}).items():
        is_required = name in schema.get("required", ())
        means = _means(told.get("description", ""), told)
        yield Field(name, "", is_required, _type(told), _shape(told), means)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}s" if schema.get("items") else "list"
    if "const" in schema and "enum" not in schema:
        return str(schema["const"]).lower() if schema["const"] is True else f'"{schema["const"]}"'
    return str(schema.get("type", "string" if "enum" in schema else "anything"))


def _shape(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    below = [schema["items"]] if schema.get("items") else schema.get("anyOf", [])
    return next(filter(None, map(_shape, below)), "")


def _means(sentence: str, schema: Mapping[str, Any]) -> Markup:
    rules = [rule for each in (schema, *schema.get("anyOf", [])) for rule in _rules(each)]
    return render(" ".join(filter(None, [sentence, f"{_capital(', '.join(rules))}." if rules else ""])))


def _rules(schema: Mapping[str, Any]) -> Iterator[str]:
    choices = schema.get("enum") or schema.get("items", {}).get("enum")
    if choices:
        yield "one of " + ", ".join(f"`{value}`" for value in choices)
    if len(schema.get("pattern", "x" * 999)) <= _LONGEST_PATTERN:
        yield f"matches `{schema['pattern']}`"
    for least, most, words in _BOUNDS:
        if least in schema and most in schema:
            yield words.format(schema[least], schema[most])
    if schema.get("default") is not None:
        yield f"`{str(schema['default']).lower()}` where it is absent"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
