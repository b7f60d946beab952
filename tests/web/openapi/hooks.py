"""What schemathesis has to know of the API that OpenAPI cannot say. It is loaded by `st run`, not by pytest."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

OFFERED = "gpt-6-luna"
"""The one model of the server under test."""
OWN_TOKEN = "SCHEMATHESIS_OWN_TOKEN"
"""The variable that holds the `jti` of the token that the run itself signs in with."""
_NOBODY = "0" * 32
_LONGEST = {"message": 4000, "title": 120, "name": 128}


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Makes of `x-events` what OpenAPI 3.2 calls `itemSchema`, so that each event of each stream is checked."""
    for media in _found(raw_schema, "text/event-stream"):
        del media["schema"]
        media["itemSchema"] = {"oneOf": [_item(*each) for each in media["x-events"].items()]}


def _found(schema: Any, wanted: str) -> list[Any]:
    below = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    here = [schema[wanted]] if isinstance(schema, dict) and wanted in schema else []
    return [*here, *(each for part in below for each in _found(part, wanted))]


def _item(name: str, data: dict[str, Any]) -> dict[str, Any]:
    told = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "properties": {"event": {"const": name}, "data": told, "id": {"type": "string"}},
        "required": ["event", "data"],
        "additionalProperties": False,
    }


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Which models are offered is told to who is signed in, and changes: the description says what a model's name
    looks like. One that is made up becomes one that is there. And a token's name has what can be seen alone, of
    which no pattern knows that every reader of patterns understands."""
    if _is_right(case) and isinstance(case.body, dict):
        if case.body.get("model"):
            case.body["model"] = OFFERED
        if case.body.get("goes_on_from"):
            case.body["goes_on_from"] = None
        name = case.body.get("name")
        if isinstance(name, str):
            case.body["name"] = "".join(each if each.isprintable() else "x" for each in name)
    return case


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """The list of tokens holds the run's own. Revoked, it would be answered 401 from then on, whatever it asks."""
    if case.method == "DELETE" and case.path_parameters.get("jti") == os.environ[OWN_TOKEN]:
        case.path_parameters["jti"] = _NOBODY


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Leaves out what the description calls wrong or right, and is not, because no schema can say it."""
    body = case.body if isinstance(case.body, dict) else {}
    if _is_right(case):
        return not _names_differ(body, dict(case.headers or {}))
    return not any(_fits_when_trimmed(body.get(name), longest) for name, longest in _LONGEST.items())


def _is_right(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _names_differ(body: dict[str, Any], headers: dict[str, Any]) -> bool:
    """The body and the header may both name a message, and must agree then."""
    named = [
        name for name in (body.get("clientMessageId"), headers.get("Idempotency-Key")) if name is not None
    ]
    return len(set(map(str, named))) > 1


def _fits_when_trimmed(text: Any, longest: int) -> bool:
    """A text is measured without the blanks around it."""
    return isinstance(text, str) and len(text) > longest and 0 < len(text.strip()) <= longest
