"""Answers in the shapes of chat completions: streamed, event by event, or whole."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

from chatapp.upstream.simulator.body import Completion
from chatapp.upstream.simulator.fault import SLOW_RATE, TOKENS_BEFORE, Fault
from chatapp.upstream.simulator.pace import Clock, Pace, hang_up
from chatapp.upstream.simulator.text import reply_tokens, tokens_of

_CREATED = 1_767_225_600
"""2026-01-01: a real clock would make two equal requests differ."""


class Answer:
    """One answer: its tokens, cut where the request bounds them, given out at its pace."""

    def __init__(self, request: Completion, pace: Pace, clock: Clock, fault: Fault | None) -> None:
        self._request = request
        self._pace = pace
        self._clock = clock
        self._fault = fault
        self._count = 0
        self._finish_reason = "stop"

    def whole(self) -> bytes:
        """The answer as one JSON object."""
        text = "".join(self._paced_tokens())
        if self._fault is Fault.MALFORMED:
            return b'{"id":"chatcmpl-'
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish_reason}
        return _json(self._head("chat.completion") | {"choices": [choice], "usage": self._usage()})

    def events(self) -> Iterator[bytes]:
        """The answer as server-sent events: role, text, finish, usage if it was asked for, `[DONE]`."""
        tokens = self._paced_tokens()
        first = next(tokens, None)
        yield self._event({"role": "assistant", "content": "", "refusal": None})
        for token in itertools.chain([] if first is None else [first], tokens):
            yield self._event({"content": token})
        if self._fault is Fault.MALFORMED:
            yield b'data: {"choices": [{"delta"\n\n'
        yield self._event({}, self._finish_reason)
        if self._request.include_usage:
            yield _frame(self._head("chat.completion.chunk") | {"choices": [], "usage": self._usage()})
        yield b"data: [DONE]\n\n"

    def _paced_tokens(self) -> Iterator[str]:
        """The tokens, each when it is due. Raises ConnectionResetError where the answer breaks off."""
        rate = self._pace.tokens_per_s
        if self._fault is Fault.SLOW:
            rate = min(rate, SLOW_RATE)
        self._clock.wait(self._pace.first_token_s)
        for token in reply_tokens(self._request.messages, self._request.model):
            if self._count == self._request.limit:
                self._finish_reason = "length"
                return
            if self._count == TOKENS_BEFORE and self._strike():
                return
            if self._count:
                self._clock.wait(1 / rate)
            self._count += 1
            yield token

    def _strike(self) -> bool:
        """Breaks the answer off in the way that was asked for, if it was; True if it merely ends here."""
        if self._fault is Fault.CUT:
            raise hang_up()
        if self._fault is Fault.SILENT:
            self._clock.wait_for_hang_up()
        return self._fault is Fault.MALFORMED

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        # As in the real API: usage is null on every chunk but the last, if it was asked for.
        usage = {"usage": None} if self._request.include_usage else {}
        return _frame(self._head("chat.completion.chunk") | {"choices": [choice]} | usage)

    def _head(self, kind: str) -> dict[str, Any]:
        request = self._request
        digest = hashlib.sha256(_json([request.model, *request.messages])).hexdigest()
        return {
            "id": f"chatcmpl-{digest[:24]}",
            "object": kind,
            "created": _CREATED,
            "model": request.model,
            "system_fingerprint": "fp_simulated",
        }

    def _usage(self) -> dict[str, int]:
        prompt = sum(1 for message in self._request.messages for _ in tokens_of(message["content"]))
        return {
            "prompt_tokens": prompt,
            "completion_tokens": self._count,
            "total_tokens": prompt + self._count,
        }


def _frame(event: dict[str, Any]) -> bytes:
    return b"data: " + _json(event) + b"\n\n"


def _json(found: object) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()
