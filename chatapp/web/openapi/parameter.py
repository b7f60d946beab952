"""Parameters: what a request says outside its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chatapp.store.identifier import ID_PATTERN
from chatapp.turns.built_in_voices import DEFAULT_VOICE
from chatapp.turns.continued import SESSION_ID_PATTERN
from chatapp.turns.voice import VOICE_KEY_PATTERN
from chatapp.upstream.simulator.fault import Fault
from chatapp.web.openapi.example import GENERATION_ID, JTI, SESSION_ID, TURN_ID


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of the query or of the headers. `may_be_refused` says that a wrong one is answered 422."""

    name: str
    place: Literal["query", "header", "path"]
    schema: Mapping[str, Any]
    means: str
    may_be_refused: bool = True
    example: str | None = None

    def described(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        told = {
            "name": self.name,
            "in": self.place,
            "required": self.place == "path",
            "schema": dict(self.schema),
            "description": self.means,
        }
        return told if self.example is None else {**told, "example": self.example}


ID = {"type": "string", "pattern": ID_PATTERN}
REQUEST_ID = Parameter(
    "X-Request-Id",
    "header",
    {"type": "string"},
    "The caller's own name for this request. One that matches `req_[A-Za-z0-9]{8,64}` is kept, any other replaced.",
    may_be_refused=False,
)
LAST_EVENT_ID = Parameter(
    "Last-Event-ID",
    "header",
    {"type": "string"},
    "The id of the last event that the reader has. What came after it is sent. It wins over `last_event_id`.",
    may_be_refused=False,
)
LAST_EVENT_ID_IN_QUERY = Parameter(
    "last_event_id",
    "query",
    {"type": "string"},
    "The same, for who cannot send headers.",
    may_be_refused=False,
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "The caller's own name for this message, used once, for good: the same name and content post nothing and lead to "
    "the turn that there is. Where the body names the message, too, both must be equal.",
)
SCENARIO = Parameter(
    "X-Test-Scenario",
    "header",
    {"type": "string"},
    f"How the simulated model is to fail, where `CHATAPP_FAULTS=1`: {', '.join(f'`{fault}`' for fault in Fault)}. "
    "It is ignored elsewhere.",
)

_KEY = {"type": "string", "pattern": VOICE_KEY_PATTERN}
_PLACES: dict[str, tuple[Mapping[str, Any], str, str]] = {
    "session_id": (
        {"type": "string", "pattern": SESSION_ID_PATTERN},
        "The conversation's name.",
        SESSION_ID,
    ),
    "turn_id": (ID, "The turn's id.", TURN_ID),
    "generation_id": (ID, "The generation's id.", GENERATION_ID),
    "jti": (ID, "The API token's id.", JTI),
    "voice": (_KEY, "The voice's key.", DEFAULT_VOICE.key),
    "key": (_KEY, "The voice's key.", "poet"),
    "team_key": (_KEY, "The voice's key.", "poet"),
}


def path_parameter(name: str) -> Parameter:
    """The part of the path that is called so."""
    schema, means, example = _PLACES.get(name, (ID, "Its id.", GENERATION_ID))
    return Parameter(name, "path", schema, means, may_be_refused=False, example=example)
