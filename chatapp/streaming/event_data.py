"""What each event tells: the shapes of `data`, for those who write events and for the API's description."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

Voice = Annotated[str, Field(description="Whose it is; only when several voices answer.")]
FinishReason = Annotated[
    str, Field(json_schema_extra={"enum": ["stop", "length", "content_filter", "cancelled", "error"]})
]
GenerationStatus = Annotated[
    str,
    Field(
        json_schema_extra={"enum": ["streaming", "complete", "partial", "cancelled", "error", "interrupted"]}
    ),
]
GenerationId = Annotated[str, Field(description="Which generation it tells of.")]
ProgressStatus = Literal["queued", "retrieving", "processing", "completed", "failed", "cancelled"]


class TokenData(TypedDict):
    """Text to append to the reply. Several that arrive together may leave as one."""

    text: str
    voice: NotRequired[Voice]


class UsageData(TypedDict):
    """What a generation that produced text has used."""

    tokens_in: Annotated[int | None, Field(description="Of the prompt; `null` when upstream gave no counts.")]
    tokens_out: Annotated[int | None, Field(description="Of the answer; `null` likewise.")]
    cost_usd: Annotated[float | None, Field(description="`null` for a model without a known price.")]
    model: str
    voice: NotRequired[Voice]


class FailureData(TypedDict):
    """The answer went wrong."""

    code: Annotated[str, Field(description="For programs; chapter 3 of the prose lists them.")]
    message: Annotated[str, Field(description="One sentence that can be shown.")]
    retryable: Annotated[bool, Field(description="Whether the same message may work later.")]
    request_id: str
    voice: NotRequired[Voice]


class Standing(TypedDict):
    """How one generation stands."""

    generation_id: str
    voice: str
    text: Annotated[str, Field(description="All of it so far.")]
    status: GenerationStatus


class SnapshotData(TypedDict):
    """Replaces everything that the reader has put together."""

    generations: list[Standing]


class VoiceDoneData(TypedDict):
    """One voice of several has ended."""

    finish_reason: FinishReason
    voice: NotRequired[Voice]


@with_config(ConfigDict(extra="forbid"))
class DoneData(TypedDict):
    """The last event, once: the reply is saved, and the conversation free for the next message."""

    finish_reason: FinishReason


class HeartbeatData(TypedDict):
    """Nothing was said on this connection for a while. It has no id, and comes together with a comment."""

    t: Annotated[int, Field(description="Milliseconds since 1970.")]


class ProgressData(TypedDict):
    """About how far one generation is. It has no id, and never goes back."""

    generation_id: GenerationId
    status: ProgressStatus
    progress: Annotated[float, Field(ge=0, le=1)]


class ContentData(TypedDict):
    """Plain dialect: text to append, or with `replace` text that takes the place of what the reader has."""

    content: str
    replace: NotRequired[bool]


class ErrorData(TypedDict):
    """Plain dialect: one sentence that can be shown; the end follows."""

    error: str


class EndData(TypedDict):
    """Plain dialect: the end."""

    done: Literal[True]
