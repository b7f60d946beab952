"""The table, word for word as the wire contract (section 3) has it."""

from __future__ import annotations

import pytest

from chatapp.upstream.failures import FAILURES, FailureKind

CONTRACT = {
    "RATE_LIMIT": ("Overloaded, please try again soon.", True),
    "SERVER_ERROR": ("Server error, please try again later.", True),
    "OPENAI_TIMEOUT": ("Request timed out. Please try again with a shorter message.", True),
    "UPSTREAM_AUTH": ("The server's model key was refused. Ask an administrator.", False),
    "UPSTREAM_INTERRUPTED": ("The answer was cut off. What arrived is kept.", True),
    "INTERRUPTED": ("The server restarted. What arrived is kept.", True),
    "NOT_SAVED": ("The answer could not be saved. Copy it before you leave.", True),
}
IN_OTHER_WORDS = {"UPSTREAM_FORBIDDEN", "MODEL_NOT_FOUND", "UPSTREAM_REJECTED"}


def test_every_row_is_there_once() -> None:
    assert sorted(kind.code for kind in FAILURES) == sorted(CONTRACT | dict.fromkeys(IN_OTHER_WORDS))


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.code)
def test_a_row_says_what_the_contract_says(kind: FailureKind) -> None:
    error = kind.failure(name="the model x", retries=2)
    assert (error.error_code, error.retryable, error.retries) == (kind.code, kind.retryable, 2)
    if kind.code in IN_OTHER_WORDS:
        assert not kind.retryable
        assert "{" not in error.message
    else:
        assert (error.message, error.retryable) == CONTRACT[kind.code]


def test_a_note_is_not_part_of_the_message() -> None:
    error = FAILURES[0].failure(detail="only for the log")
    assert "log" not in error.message
    assert error.__notes__ == ["only for the log"]
