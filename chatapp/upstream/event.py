"""One event of a streamed chat completion: the few of its fields that are used.

Shape: https://platform.openai.com/docs/api-reference/chat-streaming (and what compatible servers make of it).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from chatapp.upstream.usage import Usage

_COUNT_LIMIT = 2**31
"""No answer has as many tokens; a larger count is garbage, and a database column could not hold it."""


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, gc=False):
    index: int | None = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Counts(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def usage(self) -> Usage:
        """The counts as Usage; what cannot be a count is None."""
        return Usage(_plausible(self.prompt_tokens), _plausible(self.completion_tokens))


class Event(msgspec.Struct, gc=False):
    choices: list[Choice] | None = None
    usage: Counts | None = None
    error: Any = None
    object: str | None = None


_decoder = msgspec.json.Decoder(Event)


def read_event(data: bytes) -> tuple[Event, bool]:
    """The event in `data`, and whether its text may hold lone surrogates.

    The typed decoder is the fast path; it refuses lone surrogates, bytes that are no UTF-8 and wrongly typed
    fields, all of which the slow path reads as far as they can be read. Raises ValueError if nothing can.
    """
    try:
        return _decoder.decode(data), False
    except (ValueError, RecursionError):
        return _lenient(data), True


def _lenient(data: bytes) -> Event:
    try:
        found = json.loads(data.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    choices = found.get("choices")
    return Event(
        choices=[_choice(each) for each in choices if isinstance(each, dict)]
        if isinstance(choices, list)
        else None,
        usage=_counts(found.get("usage")),
        error=found.get("error"),
        object=_text(found.get("object")),
    )


def _choice(found: dict[str, Any]) -> Choice:
    index = found.get("index", 0)
    delta = found.get("delta")
    return Choice(
        # An index of another type is not ours to guess: -1 is no choice that was asked for.
        index=index if index is None or type(index) is int else -1,
        delta=Delta(_text(delta.get("content")), _text(delta.get("refusal")))
        if isinstance(delta, dict)
        else None,
        finish_reason=_text(found.get("finish_reason")),
    )


def _counts(found: object) -> Counts | None:
    if not isinstance(found, dict):
        return None
    return Counts(_whole(found.get("prompt_tokens")), _whole(found.get("completion_tokens")))


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def _whole(found: object) -> int | None:
    return found if type(found) is int else None


def _plausible(count: int | None) -> int | None:
    return count if count is not None and 0 <= count < _COUNT_LIMIT else None
