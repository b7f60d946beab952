"""What a new turn is made of: validated values in, committed rows out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from chatapp.turns.prompt import PromptMessage
from chatapp.turns.voice import Voice


@dataclass(frozen=True, slots=True)
class Further:
    """Marks a turn that brings further replies to a message which was sent before: to `question_id`, the newest of
    its conversation. A merge reads all its replies and writes one of them; otherwise voices are asked again."""

    question_id: str
    is_merge: bool = False


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A message that somebody sends, or without one, where `further` says so, further replies to an earlier message.
    `bound` ties the replies to the connections that ask for them."""

    user_id: str
    message: str
    request_id: str
    voices: tuple[Voice, ...]
    session_id: str | None = None
    model: str | None = None
    client_message_id: str | None = None
    scenario: str | None = None
    bound: bool = False
    further: Further | None = None

    def digest(self) -> str:
        """What must be the same when a client repeats its message id. The conversation is not in it: a client
        that let the server make one up may repeat with or without its name."""
        content: list[object] = [self.message, self.model, [voice.key for voice in self.voices]]
        if self.further is not None:
            content += [self.further.question_id, self.further.is_merge]
        return sha256(msgspec.json.encode(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """One reply that is due: the rows that exist for it, and what is sent upstream. `citations` say what a merge
    read."""

    id: str
    message_id: str
    voice: Voice
    model: str
    prompt: tuple[PromptMessage, ...]
    citations: tuple[Mapping[str, Any], ...] = ()
    is_merge: bool = False


@dataclass(frozen=True, slots=True)
class CommittedTurn:
    """A turn that is in the database. `generations` is empty for one that was there before."""

    id: str
    session_id: str
    log_id: str
    generations: tuple[NewGeneration, ...]

    @property
    def is_repeated(self) -> bool:
        return not self.generations
