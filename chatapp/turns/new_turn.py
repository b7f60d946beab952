"""What a new turn is made of: validated values in, committed rows out."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import msgspec

from chatapp.turns.prompt import PromptMessage
from chatapp.turns.voice import Voice


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A message that somebody sends. `bound` ties the replies to the connections that ask for them."""

    user_id: str
    message: str
    request_id: str
    voices: tuple[Voice, ...]
    session_id: str | None = None
    model: str | None = None
    client_message_id: str | None = None
    scenario: str | None = None
    bound: bool = False

    def digest(self) -> str:
        """What must be the same when a client repeats its message id. The conversation is not in it: a client
        that let the server make one up may repeat with or without its name."""
        content = [self.message, self.model, [voice.key for voice in self.voices]]
        return sha256(msgspec.json.encode(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """One reply that is due: the rows that exist for it, and what is sent upstream."""

    id: str
    message_id: str
    voice: Voice
    model: str
    prompt: tuple[PromptMessage, ...]


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
