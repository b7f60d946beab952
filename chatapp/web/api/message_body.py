"""The bodies that start a turn."""

from __future__ import annotations

import re
from typing import Annotated

from flask import request
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from chatapp.config import MODEL_NAME
from chatapp.errors import FieldError, ValidationFailed
from chatapp.telemetry.log import log
from chatapp.turns.continued import SESSION_ID_PATTERN
from chatapp.turns.new_turn import NewTurn
from chatapp.turns.voice import VOICE_KEY_PATTERN, Voice
from chatapp.turns.voices import default_voice
from chatapp.upstream.simulator.fault import Fault
from chatapp.web.body import Body, Text, trimmed_schema
from chatapp.web.identity import current_account
from chatapp.web.request_id import request_id
from chatapp.web.services import services

MESSAGE_LENGTH = 4000
"""Code points."""
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SCENARIOS = frozenset(Fault)


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
    return value


def _model(value: str) -> str:
    if not services().answering.catalogue.offers(value):
        raise ValueError("This model is not offered here.")
    return value


Message = Annotated[Text, AfterValidator(_message), trimmed_schema(MESSAGE_LENGTH)]
# Unlike Python's, pydantic's `$` matches at the very end alone, as that of JSON Schema does.
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID_PATTERN)]
Model = Annotated[
    Text,
    AfterValidator(_model),
    WithJsonSchema({"type": "string", "pattern": f"^{MODEL_NAME.pattern}$"}),
]
VoiceKey = Annotated[
    str,
    StringConstraints(pattern=VOICE_KEY_PATTERN),
    WithJsonSchema({"type": "string", "pattern": VOICE_KEY_PATTERN}),
]
VoiceKeys = Annotated[
    list[VoiceKey],
    Field(min_length=1, max_length=8, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_voices),
]
MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


_CONVERSATION = (
    "The conversation to go on with. One that nobody has is made for the caller; without it a new one is."
)
_MESSAGE = "Measured in code points after trimming; no U+0000."
_MODEL = "One of `GET /api/v1/models`; while that list is not known yet, any well-formed name."


class ChatBody(Body):
    """The event dialect's request, and that of a turn that is not streamed at once."""

    message: Message = Field(description=_MESSAGE)
    session_id: SessionId | None = Field(None, alias="sessionId", description=_CONVERSATION)
    use_memory: bool = Field(False, alias="useMemory", description="Without effect in this version.")
    use_knowledge: bool = Field(False, alias="useKnowledge", description="Without effect in this version.")
    model: Model | None = Field(None, description=_MODEL)
    voices: VoiceKeys | None = Field(None, description="Different keys of `GET /api/v1/voices`.")
    client_message_id: MessageId | None = Field(
        None, alias="clientMessageId", description="As the header `Idempotency-Key`."
    )

    def new_turn(self, *, bound: bool) -> NewTurn:
        """What is to be committed, in the name of who is signed in."""
        return NewTurn(
            user_id=current_account().id,
            message=self.message,
            request_id=request_id(),
            voices=asked_voices(self.voices),
            session_id=self.session_id,
            model=self.model,
            client_message_id=idempotency_key(self.client_message_id),
            scenario=scenario(),
            bound=bound,
        )


class PlainBody(Body):
    """The plain dialect's request."""

    message: Message = Field(description=_MESSAGE)
    conversation_id: SessionId | None = Field(None, alias="conversationId", description=_CONVERSATION)
    model: Model | None = Field(None, description=_MODEL)

    def new_turn(self) -> NewTurn:
        return NewTurn(
            user_id=current_account().id,
            message=self.message,
            request_id=request_id(),
            voices=asked_voices(None),
            session_id=self.conversation_id,
            model=self.model,
            client_message_id=idempotency_key(None),
            scenario=scenario(),
            bound=True,
        )


def asked_voices(keys: list[str] | None) -> tuple[Voice, ...]:
    """The voices of these keys, or where none are named, the one that answers then. Raises ValidationFailed."""
    offered, most = services().voices.offered(current_account().id), services().settings.voices_per_turn
    if keys is None:
        default = default_voice(offered)
        if default is None:
            raise ValidationFailed([FieldError("voices", "There is no voice that could answer.")])
        return (default,)
    if len(keys) > most:
        raise ValidationFailed([FieldError("voices", f"At most {most} voices answer one message.")])
    if not all(key in offered for key in keys):
        raise ValidationFailed([FieldError("voices", "One of these voices is not known.")])
    return tuple(offered[key] for key in keys)


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
