"""The whole description: every route of the API, as OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from chatapp.web.access import SAFE_METHODS, needs_no_sign_in, takes_stream_tokens
from chatapp.web.error_answers import API_PREFIXES, Invalid, Refused
from chatapp.web.openapi.components import GROUPS, HEADERS, INFO, SECURITY, group_of
from chatapp.web.openapi.operation import Answer, Json, Operation, Stream, Text, operation_of
from chatapp.web.openapi.parameter import LAST_EVENT_ID, LAST_EVENT_ID_IN_QUERY, REQUEST_ID, path_parameter
from chatapp.web.openapi.refusal import REFUSALS, headers, refusals, refused
from chatapp.web.openapi.schema import Schemas

_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, its view, and what that says of itself."""

    method: str
    path: str
    endpoint: str
    view: Callable[..., Any]
    operation: Operation

    @property
    def variables(self) -> list[str]:
        return re.findall(r"\{([^{}]+)\}", self.path)


def api_rules(app: Flask) -> Iterator[tuple[str, Rule]]:
    """Every method of every route of the API, those that are there for others' sake last."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: not rule.rule.startswith("/api/")):
        if rule.rule.startswith(API_PREFIXES):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule


def description_of(app: Flask) -> dict[str, Any]:
    """The description of this application's API. A view that says nothing of itself is not in it."""
    routes = list(_routes(app))
    schemas = Schemas([Refused, Invalid, *(shape for route in routes for shape in _shapes(route.operation))])
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _told(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/", "description": "This server."}],
        "security": [{"bearer": []}, {"cookie": []}],
        "tags": [{"name": name, "description": means} for name, means in _groups(routes)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {refusal.name: refused(status) for status, refusal in REFUSALS.items()},
            "parameters": {each.name: each.described() for each in _SHARED},
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


_SHARED = (REQUEST_ID, LAST_EVENT_ID, LAST_EVENT_ID_IN_QUERY)


def _routes(app: Flask) -> Iterator[Route]:
    for method, rule in api_rules(app):
        view = app.view_functions[rule.endpoint]
        operation = operation_of(view)
        if operation is not None:
            yield Route(method, _VARIABLE.sub(r"{\1}", rule.rule), rule.endpoint, view, operation)


def _groups(routes: Iterable[Route]) -> list[tuple[str, str]]:
    there = {group_of(route.endpoint) for route in routes}
    known = [group for group in GROUPS.values() if group in there]
    return [*known, *sorted(there.difference(known))]


def _shapes(operation: Operation) -> Iterator[Any]:
    if operation.takes is not None:
        yield operation.takes
    for answer in operation.answers.values():
        if isinstance(answer, Json):
            yield answer.shape
        elif isinstance(answer, Stream):
            yield from answer.events.values()


def _told(route: Route, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = cleandoc(route.view.__doc__ or route.endpoint).partition("\n\n")
    told: dict[str, Any] = {
        "operationId": route.endpoint.rpartition(".")[2],
        "tags": [group_of(route.endpoint)[0]],
        "summary": _on_one_line(summary),
    }
    if more:
        told["description"] = "\n\n".join(map(_on_one_line, more.split("\n\n")))
    told |= _security(route) | {"parameters": list(_parameters(route))}
    if route.operation.takes is not None:
        told["requestBody"] = {
            "required": route.operation.needs_body,
            "content": {
                "application/json": {
                    "schema": schemas.of(route.operation.takes),
                    "example": route.operation.example,
                }
            },
        }
    return {**told, "responses": dict(sorted(_responses(route, schemas).items()))}


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _security(route: Route) -> dict[str, Any]:
    if needs_no_sign_in(route.view):
        return {"security": []}
    if takes_stream_tokens(route.view):
        return {"security": [{"bearer": []}, {"cookie": []}, {"streamToken": []}]}
    if route.method not in SAFE_METHODS:
        return {"security": [{"bearer": []}, {"cookie": [], "csrf": []}]}
    return {}


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    yield from (path_parameter(name).described() for name in route.variables)
    yield from (each.described() for each in route.operation.asks)
    shared = _SHARED if route.operation.stream else (REQUEST_ID,)
    yield from ({"$ref": f"#/components/parameters/{each.name}"} for each in shared)


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation = route.operation
    found: dict[str, Any] = {}
    for status in refusals(route.view, route.method, operation, names=bool(route.variables)):
        own = tuple(error for error in operation.errors if error.status == status)
        reference = {"$ref": f"#/components/responses/{REFUSALS[status].name}"}
        found[str(status)] = refused(status, own) if own else reference
    for status, answer in operation.answers.items():
        found[str(status)] = _answered(answer, schemas)
    if operation.follow_ups:
        found[str(next(iter(operation.answers)))]["links"] = {
            name: {"operationId": name, "parameters": dict(places)}
            for name, places in operation.follow_ups.items()
        }
    return found


def _answered(answer: Answer, schemas: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {"headers": headers("X-Request-Id")}
    match answer:
        case Json(shape, example, means):
            told["content"] = {"application/json": {"schema": schemas.of(shape), "example": example}}
        case Stream(events, example, is_bound):
            means = "The stream; `x-events` has the shape of each event's `data`."
            told["headers"] |= headers("X-Turn-Id", *(["X-Session-Id"] if is_bound else []))
            told["content"] = {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": example,
                    "x-events": {name: schemas.of(shape) for name, shape in events.items()},
                }
            }
        case Text(media_type, means):
            told["content"] = {media_type: {"schema": {"type": "string"}}}
        case _:
            means = answer.means
    return {"description": means, **told}
