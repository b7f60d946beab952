"""The bodies that start a turn."""

from __future__ import annotations

import re
from typing import Annotated

from flask import request
from pydantic import AfterValidator, Field, StringConstraints

from chatapp.errors import FieldError, ValidationFailed
from chatapp.telemetry.log import log
from chatapp.turns.new_turn import NewTurn
from chatapp.turns.voice import DEFAULT_VOICE, VOICES
from chatapp.web.body import Body, Text
from chatapp.web.identity import current_account
from chatapp.web.request_id import request_id
from chatapp.web.services import services

MESSAGE_LENGTH = 4000
"""Code points."""
SESSION_ID = r"^session-[0-9]{8}-[0-9]{6}-[a-z0-9]{4,32}\z"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SCENARIOS = frozenset(
    [
        "timeout",
        "rate_limit",
        "server_error",
        "auth",
        "forbidden",
        "not_found",
        "cut",
        "malformed",
        "slow",
        "silent",
    ]
)


def _message(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("Write a message first.")
    if len(value) > MESSAGE_LENGTH:
        raise ValueError(f"A message has at most {MESSAGE_LENGTH} characters.")
    return value


def _voices(value: list[str]) -> list[str]:
    if len(set(value)) != len(value):
        raise ValueError("Each voice can be asked once.")
    for key in value:
        if key not in VOICES:
            raise ValueError("One of these voices is not known.")
    return value


def _model(value: str) -> str:
    if not services().answering.catalogue.offers(value):
        raise ValueError("This model is not offered here.")
    return value


Message = Annotated[Text, AfterValidator(_message)]
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID)]
Model = Annotated[Text, AfterValidator(_model)]
VoiceKeys = Annotated[list[str], Field(min_length=1, max_length=8), AfterValidator(_voices)]
MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\z")]


class ChatBody(Body):
    """The event dialect's request, and that of a turn that is not streamed at once."""

    message: Message
    session_id: SessionId | None = Field(None, alias="sessionId")
    use_memory: bool = Field(False, alias="useMemory")
    use_knowledge: bool = Field(False, alias="useKnowledge")
    model: Model | None = None
    voices: VoiceKeys | None = None
    client_message_id: MessageId | None = Field(None, alias="clientMessageId")

    def new_turn(self, *, bound: bool) -> NewTurn:
        """What is to be committed, in the name of who is signed in."""
        keys = self.voices or [DEFAULT_VOICE.key]
        return NewTurn(
            user_id=current_account().id,
            message=self.message,
            request_id=request_id(),
            voices=tuple(VOICES[key] for key in keys),
            session_id=self.session_id,
            model=self.model,
            client_message_id=idempotency_key(self.client_message_id),
            scenario=scenario(),
            bound=bound,
        )


class PlainBody(Body):
    """The plain dialect's request."""

    message: Message
    conversation_id: SessionId | None = Field(None, alias="conversationId")
    model: Model | None = None

    def new_turn(self) -> NewTurn:
        return NewTurn(
            user_id=current_account().id,
            message=self.message,
            request_id=request_id(),
            voices=(DEFAULT_VOICE,),
            session_id=self.conversation_id,
            model=self.model,
            client_message_id=idempotency_key(None),
            scenario=scenario(),
            bound=True,
        )


def idempotency_key(in_body: str | None) -> str | None:
    """The client's message id, from the body or the header `Idempotency-Key`; if both, they agree."""
    in_header = request.headers.get("Idempotency-Key")
    if in_header is None:
        return in_body
    if not _MESSAGE_ID.fullmatch(in_header):
        raise ValidationFailed([FieldError("Idempotency-Key", "1 to 64 of A-Z, a-z, 0-9, _ and -.")])
    if in_body not in (None, in_header):
        raise ValidationFailed([FieldError("clientMessageId", "It differs from the header Idempotency-Key.")])
    return in_header


def scenario() -> str | None:
    """The fault that the simulator is asked to show, where faults are allowed at all."""
    wanted = request.headers.get("X-Test-Scenario")
    if wanted is None:
        return None
    if not services().settings.faults:
        log("Fault ignored", reason="CHATAPP_FAULTS is off", request_id=request_id())
        return None
    if wanted not in _SCENARIOS:
        raise ValidationFailed([FieldError("X-Test-Scenario", "This scenario is not known.")])
    return wanted
