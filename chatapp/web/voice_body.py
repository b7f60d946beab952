"""A voice as people write it: what is valid, in whatever way it comes (the API, the page's form, TOML, a command)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from chatapp.turns.voice import VOICE_KEY_PATTERN, History, Voice
from chatapp.web.api.message_body import Model
from chatapp.web.body import WHOLE, Body, plain_text, trimmed_schema
from chatapp.web.one_line import is_on_one_line, is_seen
from chatapp.web.services import services

NAME_LENGTH = 40
DESCRIPTION_LENGTH = 200
PROMPT_LENGTH = 4000
"""Code points, like the two above."""
KEY_SENTENCE = "A key has 1 to 32 of a-z, 0-9 and -."
HISTORIES = tuple(map(str, History))
_KEY = re.compile(VOICE_KEY_PATTERN.strip("^$"), re.ASCII)
_COLOUR = re.compile("#[0-9a-f]{6}", re.ASCII)


def _key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise ValueError(KEY_SENTENCE)
    return value


def _name(value: str) -> str:
    value = plain_text(value).strip()
    if not (len(value) <= NAME_LENGTH and is_seen(value)):
        raise ValueError(f"A name has 1 to {NAME_LENGTH} characters.")
    if not is_on_one_line(value):
        raise ValueError("This name has characters that cannot be shown on a line.")
    return value


def _colour(value: str) -> str:
    value = value.lower()
    if not _COLOUR.fullmatch(value):
        raise ValueError("A colour is written as # and six of 0-9 and a-f, like #2f6f8f.")
    return value


def _description(value: str) -> str:
    value = plain_text(value).strip()
    if len(value) > DESCRIPTION_LENGTH:
        raise ValueError(f"A description has at most {DESCRIPTION_LENGTH} characters.")
    if not is_on_one_line(value):
        raise ValueError("This description has characters that cannot be shown on a line.")
    return value


def _prompt(value: str) -> str:
    # A form ends lines in one way, TOML in another; the model is to see one.
    value = plain_text(value).replace("\r\n", "\n").replace("\r", "\n").strip()
    if not value:
        raise ValueError("Write a prompt: it says to the model who it is.")
    if len(value) > PROMPT_LENGTH:
        raise ValueError(f"A prompt has at most {PROMPT_LENGTH} characters.")
    return value


def _temperature(value: float) -> float:
    if not 0 <= value <= 2:
        raise ValueError("A temperature is a number from 0 to 2.")
    return value


def _top_p(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError("This is a number over 0, and at most 1.")
    return value


def _max_output_tokens(value: int) -> int:
    most = services().settings.max_output_tokens
    if not 1 <= value <= most:
        raise ValueError(f"This is a whole number from 1 to {most}.")
    return value


def _text(pattern: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, **more})


VoiceKey = Annotated[str, AfterValidator(_key), _text(VOICE_KEY_PATTERN)]
VoiceName = Annotated[str, AfterValidator(_name), trimmed_schema(NAME_LENGTH)]
Colour = Annotated[str, AfterValidator(_colour), _text("^#[0-9A-Fa-f]{6}$")]
Description = Annotated[
    str, AfterValidator(_description), _text("^[^\\u0000]*$", maxLength=DESCRIPTION_LENGTH)
]
Prompt = Annotated[str, AfterValidator(_prompt), trimmed_schema(PROMPT_LENGTH)]
HistoryName = Literal["own", "branch", "all"]

_ON_A_LINE = "Measured after trimming; on one line, without controls."
_HISTORY = "What it sees of earlier answers: its own, those of the chosen branch (the default), or all."
_DISABLED = "Whether it cannot be asked. A disabled voice hides those of the same key that are further away."
_VOICE_MODEL = "The model that answers; without one, the conversation's, or the server's own."


@with_config(ConfigDict(strict=True, extra="forbid"))
class VoiceParameters(TypedDict, total=False):
    """What upstream is asked for beside the text. What is absent is the server's own."""

    temperature: Annotated[
        float, AfterValidator(_temperature), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 2})
    ]
    top_p: Annotated[
        float, AfterValidator(_top_p), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    ]
    max_output_tokens: Annotated[
        int,
        AfterValidator(_max_output_tokens),
        WHOLE,
        WithJsonSchema(
            {"type": "integer", "minimum": 1, "description": "At most `CHATAPP_MAX_OUTPUT_TOKENS`."}
        ),
    ]


class VoiceBody(Body):
    """A whole voice. `voice()` is what it says."""

    key: VoiceKey = Field(description="By which it is asked.")
    name: VoiceName = Field(description=_ON_A_LINE)
    colour: Colour
    description: Description = Field("", description=_ON_A_LINE)
    prompt: Prompt = Field(description="Says to the model who it is. Measured after trimming; no U+0000.")
    model: Model | None = Field(None, description=_VOICE_MODEL)
    parameters: VoiceParameters = Field(default_factory=VoiceParameters)
    history: HistoryName = Field("branch", description=_HISTORY)
    disabled: bool = Field(False, description=_DISABLED)

    def voice(self) -> Voice:
        return Voice(**{**self.model_dump(), "history": History(self.history)})


def _no_default(schema: dict[str, Any]) -> None:
    """The default only marks what is absent."""
    schema.pop("default", None)


class VoiceChange(Body):
    """What may be changed of a voice; a field that is absent stays as it is. Its key is its name for good."""

    name: VoiceName = Field("", description=_ON_A_LINE, json_schema_extra=_no_default)
    colour: Colour = Field("", json_schema_extra=_no_default)
    description: Description = Field("", description=_ON_A_LINE, json_schema_extra=_no_default)
    prompt: Prompt = Field("", description="Says to the model who it is.", json_schema_extra=_no_default)
    model: Model | None = Field(None, description=_VOICE_MODEL, json_schema_extra=_no_default)
    parameters: VoiceParameters = Field(
        default_factory=VoiceParameters, description="All of them: they take the place of those there are."
    )
    history: HistoryName = Field("branch", description=_HISTORY, json_schema_extra=_no_default)
    disabled: bool = Field(False, description=_DISABLED, json_schema_extra=_no_default)

    def changed(self, voice: Voice) -> Voice:
        """`voice` with what this says of it."""
        changes = self.model_dump(include=self.model_fields_set)
        if "history" in changes:
            changes["history"] = History(changes["history"])
        return replace(voice, **changes)


def parameters_of(voice: Voice) -> VoiceParameters:
    """As they are told."""
    return cast(VoiceParameters, dict(voice.parameters))
