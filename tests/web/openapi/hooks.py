"""What schemathesis has to know of the API that OpenAPI cannot say. It is loaded by `st run`, not by pytest."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from chatapp.turns.built_in_voices import BUILT_IN

OFFERED = "gpt-6-luna"
"""The one model of the server under test."""
OWN_TOKEN = "SCHEMATHESIS_OWN_TOKEN"
"""The variable that holds the `jti` of the token that the run itself signs in with."""
_NOBODY = "0" * 32
_LONGEST = {"message": 4000, "title": 120, "name": 128, "description": 200, "prompt": 4000}
_LONGEST_OF_VOICES = _LONGEST | {"name": 40}
_ON_A_LINE = ("name", "description")
_MAY_BE_EMPTY = {"description"}
_TOML = '[voices.bard]\nname = "Bard"\ncolour = "#7a3fa0"\nprompt = "Sing."\n'


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
    """Which models and voices are offered is told to who is signed in, and changes: the description says what their
    names look like. Those that are made up become ones that are there, and a text becomes TOML. How many tokens there
    may be is a setting. And a name has what can be seen alone, of which no pattern knows that every reader of patterns
    understands."""
    if _is_right(case) and isinstance(case.body, dict):
        body: dict[str, Any] = case.body
        if body.get("model"):
            body["model"] = OFFERED
        if body.get("goes_on_from"):
            body["goes_on_from"] = None
        if body.get("voices"):
            body["voices"] = list(BUILT_IN)[: len(body["voices"])]
        if body.get("voice"):
            body["voice"] = next(iter(BUILT_IN))
        if body.get("key") in BUILT_IN:  # one that is disabled would stop every message that asks it
            body["key"] = f"own-{body['key']}"
        if "toml" in body:
            body["toml"] = _TOML
        if (body.get("parameters") or {}).get("max_output_tokens"):
            body["parameters"]["max_output_tokens"] = 100
        for name in _ON_A_LINE:
            if isinstance(body.get(name), str):
                body[name] = "".join(each if each.isprintable() else "x" for each in body[name])
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
    bounds = _LONGEST_OF_VOICES if "voices" in case.operation.path else _LONGEST
    return not any(_fits_when_trimmed(name, body.get(name), longest) for name, longest in bounds.items())


def _is_right(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _names_differ(body: dict[str, Any], headers: dict[str, Any]) -> bool:
    """The body and the header may both name a message, and must agree then."""
    named = [
        name for name in (body.get("clientMessageId"), headers.get("Idempotency-Key")) if name is not None
    ]
    return len(set(map(str, named))) > 1


def _fits_when_trimmed(name: str, text: Any, longest: int) -> bool:
    """A text is measured without the blanks around it, and a line break is one character, however it is written."""
    if not isinstance(text, str) or len(text) <= longest:
        return False
    trimmed = text.strip().replace("\r\n", "\n")
    return len(trimmed) <= longest and bool(trimmed or name in _MAY_BE_EMPTY)
