"""The description as people read it: groups of routes, and the shapes that they take and answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from chatapp.web.markdown.renderer import render
from chatapp.web.openapi.curl import curl
from chatapp.web.openapi.field import Field, fields

_EVERYWHERE = "X-Request-Id"
_WHO = {
    "bearer": "an API token",
    "cookie": "the cookie of a browser",
    "cookie csrf": "the cookie of a browser with `X-CSRFToken`",
    "streamToken": "a stream token in the query",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A named schema."""

    name: str
    means: Markup
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes with one status. `events` are the shapes of a stream's events, by name."""

    status: str
    means: Markup
    shape: str
    headers: list[str]
    media_type: str
    example: str
    events: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One route. `refusals` are the answers of the one shape that all failures have."""

    name: str
    method: str
    path: str
    summary: Markup
    means: Markup
    who: Markup
    parameters: list[Field]
    body: Shape | None
    answers: list[Answer]
    refusals: list[Answer]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """Routes about one thing."""

    name: str
    means: Markup
    calls: list[Call]

    @property
    def anchor(self) -> str:
        return "about-" + self.name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Reference:
    """All that the page shows."""

    means: Markup
    groups: list[Group]
    shapes: list[Shape]


def reference_of(description: Mapping[str, Any]) -> Reference:
    """What the page shows of this description."""
    calls = [
        (operation["tags"][0], _call(description, method, path, operation))
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    groups = [
        Group(tag["name"], render(tag["description"]), [call for name, call in calls if name == tag["name"]])
        for tag in description["tags"]
    ]
    shapes = sorted(description["components"]["schemas"].items())
    return Reference(
        render(description["info"]["description"]), groups, [_shape(name, schema) for name, schema in shapes]
    )


def _call(description: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Call:
    look_up = partial(_resolved, description)
    answers = [_answer(status, look_up(told), look_up) for status, told in operation["responses"].items()]
    parameters = [look_up(each) for each in operation["parameters"]]
    return Call(
        operation["operationId"],
        method.upper(),
        path,
        render(operation["summary"]),
        render(operation.get("description", "")),
        render(_who(operation.get("security", description["security"]))),
        [Field.of_parameter(each) for each in parameters if each["name"] != _EVERYWHERE],
        _body(operation, look_up),
        [each for each in answers if each.shape != "Refused"],
        [each for each in answers if each.shape == "Refused"],
        curl(method.upper(), path, operation, parameters, is_public=operation.get("security") == []),
    )


def _resolved(description: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """What a reference leads to, or what is no reference."""
    if "$ref" not in told:
        return told
    found: Any = description
    for part in told["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def _who(security: list[dict[str, Any]]) -> str:
    return " or ".join(_WHO[" ".join(each)] for each in security) if security else "anyone"


def _body(operation: Mapping[str, Any], look_up: Any) -> Shape | None:
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return _shape(schema["$ref"].rpartition("/")[2], look_up(schema))


def _shape(name: str, schema: Mapping[str, Any]) -> Shape:
    return Shape(name, render(schema.get("description", "")), list(fields(schema)))


def _answer(status: str, told: Mapping[str, Any], look_up: Any) -> Answer:
    content: Mapping[str, dict[str, Any]] = told.get("content", {})
    media_type = next(iter(content), "")
    media = content.get(media_type, {})
    example = media.get("example", "")
    return Answer(
        status,
        render(told["description"]),
        _name_of(media.get("schema", {})),
        sorted(set(told["headers"]) - {_EVERYWHERE}),
        media_type,
        example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False),
        list(_events(media.get("x-events", {}))),
    )


def _name_of(schema: Mapping[str, Any]) -> str:
    """Of a shape; every refusal is shown as one."""
    if "allOf" in schema:
        return "Refused"
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _events(events: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, schema in events.items():
        for each in schema.get("anyOf", [schema]):
            yield name, _name_of(each)
