"""What can go wrong with a generation: code, sentence for people, and whether trying again may help.

The wording is the wire contract's (section 3), and clients match it; nothing outside this file repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.errors import UpstreamFailure


@dataclass(frozen=True, slots=True)
class FailureKind:
    """One row of the table. `{name}` in a sentence stands for the model or feature that was asked for."""

    code: str
    sentence: str
    retryable: bool

    def failure(
        self, *, name: str = "", message: str | None = None, retries: int = 0, detail: str = ""
    ) -> UpstreamFailure:
        """The error to raise; `message` replaces the row's sentence, `detail` is a note for the log alone."""
        error = UpstreamFailure(
            self.code,
            message or self.sentence.replace("{name}", name),
            retryable=self.retryable,
            retries=retries,
        )
        if detail:
            error.add_note(detail)
        return error


RATE_LIMIT = FailureKind("RATE_LIMIT", "Overloaded, please try again soon.", True)
SERVER_ERROR = FailureKind("SERVER_ERROR", "Server error, please try again later.", True)
OPENAI_TIMEOUT = FailureKind(
    "OPENAI_TIMEOUT", "Request timed out. Please try again with a shorter message.", True
)
UPSTREAM_AUTH = FailureKind(
    "UPSTREAM_AUTH", "The server's model key was refused. Ask an administrator.", False
)
UPSTREAM_FORBIDDEN = FailureKind(
    "UPSTREAM_FORBIDDEN", "The server's model key may not use {name}. Ask an administrator.", False
)
MODEL_NOT_FOUND = FailureKind("MODEL_NOT_FOUND", "Upstream does not have {name}.", False)
UPSTREAM_REJECTED = FailureKind("UPSTREAM_REJECTED", "The model's provider rejected the request.", False)
UPSTREAM_INTERRUPTED = FailureKind(
    "UPSTREAM_INTERRUPTED", "The answer was cut off. What arrived is kept.", True
)
INTERRUPTED = FailureKind("INTERRUPTED", "The server restarted. What arrived is kept.", True)
NOT_SAVED = FailureKind("NOT_SAVED", "The answer could not be saved. Copy it before you leave.", True)

FAILURES = (
    RATE_LIMIT,
    SERVER_ERROR,
    OPENAI_TIMEOUT,
    UPSTREAM_AUTH,
    UPSTREAM_FORBIDDEN,
    MODEL_NOT_FOUND,
    UPSTREAM_REJECTED,
    UPSTREAM_INTERRUPTED,
    INTERRUPTED,
    NOT_SAVED,
)
