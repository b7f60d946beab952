"""What the description says once for all routes: how to call them, sign-in, headers, groups."""

from __future__ import annotations

from typing import Any

from chatapp.web.access import CSRF_HEADER
from chatapp.web.session import COOKIE

INFO: dict[str, Any] = {
    "title": "chatapp",
    "version": "1",
    "description": """\
The answers of a language model, streamed, and none of them lost.

An API token is all that a script needs: `POST /api/v1/auth/token` gives one for an e-mail and a password, and every \
further call sends it as `Authorization: Bearer TOKEN`. `POST /api/v1/chat` sends a message and streams the answer as \
Server-Sent Events.

Bodies are UTF-8 JSON. Requests are taken strictly: `"5"` is no number, and a field that is not named here is refused. \
Answers may gain keys over time, so pass over those that you do not know. Times are ISO 8601 in UTC; durations carry \
their unit in their name; money is US dollars. A POST without a body here takes none.

Every failure before a stream begins has one shape, `Refused`. What belongs to somebody else is answered as what does \
not exist: 404. A method that a route does not take is 405; so is `HEAD` on a stream.

Every answer carries `X-Request-Id`. A request may bring its own: one that matches `req_[A-Za-z0-9]{8,64}` is kept.

Too many messages, sign-ins or open streams are 429. An answer to what counts against a limit carries \
`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.

A call by cookie that changes something carries `X-CSRFToken` as well, whose value `GET /api/auth/user` tells.

OpenAPI has no words for the events of a stream. Where an answer is one, `x-events` names each event and the schema of \
its `data`, which is JSON; `message` stands for events without a name. Every stream takes `Last-Event-ID`, sends what \
came after it, once and in order, and answers 204 to who has had everything.
""",
}

SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An API token. Where a request has a cookie as well, the token counts.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of a browser, from the sign-in page.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "The proof that our own page sent it, for a change by cookie.",
    },
    "streamToken": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "A stream token: for this one stream, once, within a minute. Where there is one, it decides.",
    },
}

_WHOLE = {"type": "integer", "minimum": 0}
_NAME = {"type": "string", "minLength": 1}
HEADERS: dict[str, Any] = {
    name: {"description": means, "required": True, "schema": schema}
    for name, schema, means in (
        (
            "X-Request-Id",
            {"type": "string", "pattern": "^req_[A-Za-z0-9]{8,64}$"},
            "The name of this request, to ask somebody about it.",
        ),
        ("X-Session-Id", _NAME, "The conversation that the message went to."),
        ("X-Turn-Id", _NAME, "The turn that is followed."),
        ("Retry-After", _WHOLE, "Seconds after which to try again."),
        ("RateLimit-Limit", {"type": "string"}, "How many requests the limit allows."),
        ("RateLimit-Remaining", {"type": "string"}, "How many of them are left."),
        ("RateLimit-Reset", {"type": "string"}, "Seconds until there are more."),
    )
}

GROUPS = {
    "account": ("Sign-in", "A token for a password, and who is signed in."),
    "api_token": ("API tokens", "Those that the caller has, and new ones."),
    "chat": ("Messages", "Send one, and stream the answer or follow it elsewhere."),
    "turn": ("Turns", "A turn is one message and the answers that it provokes."),
    "generation": ("Generations", "A generation is one answer by one voice."),
    "stream_token": (
        "Stream tokens",
        "For `EventSource` on another site, which sends neither cookie nor header.",
    ),
    "conversation": ("Conversations", "What was said, and what it is called."),
    "catalogue": ("Models", "What can be asked for."),
    "voice": ("Voices", "Who answers: built-in voices, the team's, and one's own."),
    "team_voice": ("The team's voices", "For administrators."),
    "voice_toml": ("Voices as TOML", "Out, and in again, here or elsewhere."),
    "health": ("Health", "Whether the server answers, and can do its work."),
    "description": ("This description", "For programs, and for people."),
}
"""By blueprint, in the order in which the page shows them; another blueprint comes after them, under its own name."""


def group_of(endpoint: str) -> tuple[str, str]:
    """The name of the group that an endpoint belongs to, and what it holds."""
    blueprint = endpoint.partition(".")[0]
    return GROUPS.get(blueprint, (blueprint.replace("_", " ").capitalize(), ""))
