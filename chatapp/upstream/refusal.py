"""What it means when upstream refuses, and what to do then: for whoever looks after the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import httpx2
import openai

from chatapp.upstream.reason import safe_reason
from chatapp.upstream.verdict import reason_of


class Incomplete(ValueError):
    """An answer that ended before its end."""


class Unreadable(ValueError):
    """An answer of another kind than was asked for."""


_MEANINGS = {
    400: ("upstream does not accept the question (400)", "Its reason says which part; the key is well."),
    401: (
        "the key is not known there (401)",
        "It is mistyped, revoked, or another server's: set OPENAI_API_KEY to one that is made at this upstream.",
    ),
    403: (
        "the key is known, and may not do this (403)",
        "Give the key this permission, or its project access to the model; a server's country or network can be "
        "shut out too.",
    ),
    404: (
        "there is no such thing (404)",
        "Either the key's project has no such model, and CHATAPP_DEFAULT_MODEL can name another, or OPENAI_BASE_URL "
        "is not where the API begins: it usually ends in /v1.",
    ),
    429: (
        "upstream refuses for now (429)",
        "Too many requests for the key's limits, or no credit is left: look at its limits and its billing.",
    ),
}
_BROKEN = "It is upstream's own trouble and not the key's: ask again later."
_NO_WAY = "Look at OPENAI_BASE_URL, at this machine's way to the network, and at HTTPS_PROXY."
_STRANGE = "Is OPENAI_BASE_URL the address of an OpenAI-compatible server, usually ending in /v1?"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status` is 0 where nothing was answered in HTTP, or nothing that can be read."""

    status: int
    sentence: str
    advice: str

    @classmethod
    def silent(cls, patience_s: float) -> Self:
        """Nothing came within the patience."""
        return cls(0, f"no answer within {patience_s:g} s", _NO_WAY)


def refusal_of(error: Exception, key: str) -> Refusal:
    """What `error`, of the client or of reading its answer, means. `key` is masked wherever it turns up."""
    if isinstance(error, openai.APIStatusError):
        return _refused(error, key)
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
        cause = error.__cause__ or error
        said = safe_reason(str(cause), key) or type(cause).__name__
        return Refusal(0, f"upstream cannot be reached, or hung up: {said}", _NO_WAY)
    if isinstance(error, Incomplete):
        return Refusal(0, "the answer ended before its end", _BROKEN)
    if isinstance(error, openai.APIError):  # an error object in mid-stream
        return Refusal(0, f"upstream broke off: {safe_reason(error.message, key)}", _BROKEN)
    return Refusal(0, "the answer cannot be read", _STRANGE)


def _refused(error: openai.APIStatusError, key: str) -> Refusal:
    status = error.status_code
    if status >= 500:
        sentence, advice = f"upstream failed ({status})", _BROKEN
    else:
        sentence, advice = _MEANINGS.get(status, (f"upstream refuses ({status})", _STRANGE))
    reason = safe_reason(reason_of(error), key)
    return Refusal(status, f"{sentence}: \u201c{reason}\u201d" if reason else sentence, advice)
