"""Reading and checking what a client sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chatapp.upstream.simulator.api_error import ApiError
from chatapp.upstream.simulator.embedding import DIMENSIONS, DIMENSIONS_LIMIT

BODY_BYTES = 8 << 20
"""A larger body is refused before it is read."""

MODELS = ("gpt-6-luna", "gpt-4o", "gpt-4o-mini", "gpt-5-mini")

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True)
class Completion:
    """A request for an answer."""

    model: str
    messages: tuple[dict[str, str], ...]
    stream: bool
    include_usage: bool
    limit: int | None
    """Tokens that the answer may have."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """A request for vectors."""

    model: str
    texts: tuple[str, ...]
    dimensions: int


def read_object(environ: dict[str, Any]) -> dict[str, Any]:
    """The request's JSON object. Raises ApiError."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or int(length) > BODY_BYTES:
        raise ApiError(413, "The request is too large.")
    try:
        found = json.loads(environ["wsgi.input"].read(int(length)).decode("utf-8"))
    except (ValueError, RecursionError):
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(found, dict):
        raise ApiError(400, "The body of your request is not a JSON object.")
    return found


def completion_of(found: dict[str, Any]) -> Completion:
    """The completion that is asked for. Raises ApiError."""
    options = found.get("stream_options") or {}
    return Completion(
        model=_model(found),
        messages=_messages(found.get("messages")),
        stream=_flag(found, "stream"),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        limit=_limit(found, "max_completion_tokens") or _limit(found, "max_tokens"),
    )


def embedding_request_of(found: dict[str, Any]) -> Embedding:
    """The vectors that are asked for. Raises ApiError."""
    if not isinstance(model := found.get("model"), str) or not model:
        raise ApiError(400, "you must provide a model parameter", param="model")
    given = found.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ApiError(400, "'input' must be a string or a list of strings.", param="input")
    dimensions = _limit(found, "dimensions") or DIMENSIONS
    if dimensions > DIMENSIONS_LIMIT:
        raise ApiError(400, f"'dimensions' must be at most {DIMENSIONS_LIMIT}.", param="dimensions")
    return Embedding(model, tuple(texts), dimensions)


def _model(found: dict[str, Any]) -> str:
    model = found.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "you must provide a model parameter", param="model")
    if model not in MODELS:
        raise ApiError(404, f"The model `{model}` does not exist.", param="model", code="model_not_found")
    return model


def _messages(found: object) -> tuple[dict[str, str], ...]:
    if not isinstance(found, list) or not found:
        raise ApiError(400, "'messages' must be a list with at least one message.", param="messages")
    return tuple(_message(index, message) for index, message in enumerate(found))


def _message(index: int, found: object) -> dict[str, str]:
    if not isinstance(found, dict) or str(found.get("role")) not in _ROLES:
        raise ApiError(400, f"'messages[{index}]' has no known role.", param=f"messages.[{index}].role")
    if not isinstance(content := found.get("content"), str):
        raise ApiError(400, f"'messages[{index}]' has no text.", param=f"messages.[{index}].content")
    return {"role": found["role"], "content": content}


def _flag(found: dict[str, Any], name: str) -> bool:
    if not isinstance(value := found.get(name) or False, bool):
        raise ApiError(400, f"'{name}' must be true or false.", param=name)
    return value


def _limit(found: dict[str, Any], name: str) -> int | None:
    value = found.get(name)
    if value is not None and (type(value) is not int or value < 1):
        raise ApiError(400, f"'{name}' must be an integer of at least 1.", param=name)
    return value
