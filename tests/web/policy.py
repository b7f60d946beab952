"""The policy of access, declared: for each method and rule who may, and what everybody else is answered.

To add a route, add its row to POLICY; test_policy.py makes all the rest of it. A route without a row, and a row
without a route, fail. In a row, `{session_id}` and the like stand for what belongs to the person whose thing is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Who(StrEnum):
    ANONYMOUS = "anonymous"
    OTHER = "another user"
    OWNER = "the owner"
    ADMINISTRATOR = "an administrator"
    DISABLED = "a disabled user, of their own things"


class By(StrEnum):
    """What a request carries. An anonymous one carries what leads to nobody: a visitor's cookie, tokens that were
    made up. A stream token is one of the person's own: the owner's is for the very stream that is asked for."""

    NOTHING = "nothing"
    COOKIE = "cookie"
    BEARER = "bearer"
    STREAM_TOKEN = "stream token"


class Told(StrEnum):
    """What is answered. Each but GRANTED is the same for a thing that does not exist, and changes nothing."""

    GRANTED = "granted"
    MISSING = "404"
    UNAUTHORIZED = "401 Unauthorized"
    WORTHLESS = "401 Invalid or expired SSE token"
    ASKED_FOR_TOKEN = "422 token"
    SIGN_IN = "303 to the sign-in"
    NO_FORM_TOKEN = "403 of a form"
    FORBIDDEN = "403 for who is no administrator"


@dataclass(frozen=True, slots=True)
class Route:
    """Base of the kinds. `good` is the status of what is granted, with `json` or `form` as the body."""

    good: int = 200
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    creates: bool = field(default=False, kw_only=True)
    """Whether a missing conversation is made, so that only somebody else's is a 404."""

    def told(self, who: Who, by: By) -> Told:
        raise NotImplementedError

    def status(self, who: Who, by: By) -> int:
        return self.good


def _is_let_in(who: Who, by: By) -> bool:
    """Whether a sign-in is worth anything."""
    return by in (By.COOKIE, By.BEARER) and who not in (Who.ANONYMOUS, Who.DISABLED)


@dataclass(frozen=True, slots=True)
class Open(Route):
    """Anybody may, with whatever they carry. `signed_in` is the status for who is let in, where it is another."""

    signed_in: int | None = field(default=None, kw_only=True)

    def told(self, who: Who, by: By) -> Told:
        return Told.GRANTED

    def status(self, who: Who, by: By) -> int:
        return self.signed_in if self.signed_in and _is_let_in(who, by) else self.good


@dataclass(frozen=True, slots=True)
class OpenForm(Route):
    """Anybody may who comes from our own form, which takes a cookie: a visitor's, or that of somebody signed in."""

    def told(self, who: Who, by: By) -> Told:
        return Told.GRANTED if by is By.COOKIE and who is not Who.DISABLED else Told.NO_FORM_TOKEN


@dataclass(frozen=True, slots=True)
class SignedIn(Route):
    """Whoever is signed in may, about their own things and nobody else's."""

    def told(self, who: Who, by: By) -> Told:
        return Told.GRANTED if _is_let_in(who, by) else Told.UNAUTHORIZED


@dataclass(frozen=True, slots=True)
class Owned(Route):
    """Its owner may. To everybody else who is signed in, administrators too, it does not exist."""

    def told(self, who: Who, by: By) -> Told:
        if not _is_let_in(who, by):
            return Told.UNAUTHORIZED
        return Told.GRANTED if who is Who.OWNER else Told.MISSING


@dataclass(frozen=True, slots=True)
class Stream(Owned):
    """The same, and HEAD is refused before anything else."""


@dataclass(frozen=True, slots=True)
class TokenStream(Stream):
    """The same, and the owner's stream token for it opens it too."""

    def told(self, who: Who, by: By) -> Told:
        if by is By.STREAM_TOKEN:
            return Told.GRANTED if who is Who.OWNER else Told.WORTHLESS
        return Owned.told(self, who, by)


@dataclass(frozen=True, slots=True)
class AskingStream(TokenStream):
    """The same, and who comes with nothing at all is told to ask for a token."""

    def told(self, who: Who, by: By) -> Told:
        comes_with_nothing = by is By.NOTHING or (who, by) == (Who.ANONYMOUS, By.COOKIE)
        return Told.ASKED_FOR_TOKEN if comes_with_nothing else TokenStream.told(self, who, by)


@dataclass(frozen=True, slots=True)
class Page(Route):
    """Whoever is signed in may read it, also by an API token; others are led to the sign-in."""

    def told(self, who: Who, by: By) -> Told:
        return Told.GRANTED if _is_let_in(who, by) else Told.SIGN_IN


@dataclass(frozen=True, slots=True)
class OwnedPage(Route):
    """Its owner may read it."""

    def told(self, who: Who, by: By) -> Told:
        if not _is_let_in(who, by):
            return Told.SIGN_IN
        return Told.GRANTED if who is Who.OWNER else Told.MISSING


@dataclass(frozen=True, slots=True)
class Form(Page):
    """Whoever is signed in may post it from our own form, and so by cookie alone."""

    def told(self, who: Who, by: By) -> Told:
        return _as_a_form(by, Page.told(self, who, by))


@dataclass(frozen=True, slots=True)
class OwnedForm(OwnedPage):
    """Its owner may."""

    def told(self, who: Who, by: By) -> Told:
        return _as_a_form(by, OwnedPage.told(self, who, by))


@dataclass(frozen=True, slots=True)
class Administrators(Route):
    """An administrator may. Others who are signed in are told that they may not, whether it is there or not."""

    def told(self, who: Who, by: By) -> Told:
        if not _is_let_in(who, by):
            return Told.UNAUTHORIZED
        return Told.GRANTED if who is Who.ADMINISTRATOR else Told.FORBIDDEN


@dataclass(frozen=True, slots=True)
class AdministratorsPage(Route):
    """An administrator may read it."""

    def told(self, who: Who, by: By) -> Told:
        if not _is_let_in(who, by):
            return Told.SIGN_IN
        return Told.GRANTED if who is Who.ADMINISTRATOR else Told.FORBIDDEN


@dataclass(frozen=True, slots=True)
class AdministratorsForm(AdministratorsPage):
    """An administrator may post it from our own form."""

    def told(self, who: Who, by: By) -> Told:
        return _as_a_form(by, AdministratorsPage.told(self, who, by))


def _as_a_form(by: By, told: Told) -> Told:
    return Told.NO_FORM_TOKEN if by is By.BEARER and told is not Told.SIGN_IN else told


NOBODY = {"email": "nobody@example.org", "password": "x"}
MESSAGE = {"message": "Hi"}
VOICE = {"key": "{new_key}", "name": "New", "colour": "#2f6f8f", "prompt": "Answer."}
IMPORTED = '[voices.imported]\nname = "New"\ncolour = "#2f6f8f"\nprompt = "Answer."\n'

POLICY: dict[str, Route] = {
    "GET /static/<path:filename>": Open(),
    "GET /colours/<name>.css": Open(),
    # Accounts
    "GET /sign-in": Open(signed_in=303),
    "POST /sign-in": OpenForm(401, form={}),
    "POST /sign-out": OpenForm(303, form={}),
    "GET /register": Open(),
    "POST /register": OpenForm(422, form={}),
    "GET /password": Page(),
    "POST /password": Form(422, form={}),
    "GET /tokens": Page(),
    "POST /tokens": Form(303, form={"name": "A script", "days": "7"}),
    "POST /tokens/<jti>/revoke": OwnedForm(303, form={}),
    # Pages
    "GET /": Page(),
    "POST /messages": Form(303, form=MESSAGE),
    "GET /c/<session_id>": OwnedPage(),
    "GET /c/<session_id>/compare": OwnedPage(),
    "POST /c/<session_id>/messages": OwnedForm(303, form=MESSAGE, creates=True),
    "GET /c/<session_id>/turns/<turn_id>": OwnedPage(),
    "GET /c/<session_id>/voices": OwnedPage(),
    "POST /turns/<turn_id>/stop": OwnedForm(303, form={}),
    "POST /turns/<turn_id>/again": OwnedForm(303, form={}),
    "POST /turns/<turn_id>/merge": OwnedForm(409, form={}),
    "POST /replies/<generation_id>/stop": OwnedForm(303, form={}),
    "POST /replies/<generation_id>/again": OwnedForm(303, form={}),
    "POST /replies/<generation_id>/choose": OwnedForm(303, form={}),
    # Who, and whether it works
    "GET /api/health": Open(),
    "GET /api/ready": Open(),
    "GET /api/openapi.json": Open(),
    "GET /api/docs": Open(),
    "GET /api/auth/user": SignedIn(),
    "GET /api/v1/auth/ping": SignedIn(),
    "POST /api/v1/auth/token": Open(401, json=NOBODY),
    "GET /api/v1/tokens": SignedIn(),
    "POST /api/v1/tokens": SignedIn(201, json={"name": "A script"}),
    "DELETE /api/v1/tokens/<jti>": Owned(204),
    # Turns
    "POST /api/v1/chat": Owned(json=MESSAGE | {"sessionId": "{session_id}"}, creates=True),
    "POST /api/chat/stream": Owned(json=MESSAGE | {"conversationId": "{session_id}"}, creates=True),
    "POST /api/v1/turns": Owned(202, json=MESSAGE | {"sessionId": "{session_id}"}, creates=True),
    "POST /api/v1/estimates": Owned(json=MESSAGE | {"sessionId": "{session_id}"}, creates=True),
    "GET /api/v1/turns/<turn_id>": Owned(),
    "GET /api/v1/turns/<turn_id>/stream": TokenStream(),
    "POST /api/v1/turns/<turn_id>/cancel": Owned(),
    "POST /api/v1/turns/<turn_id>/merge": Owned(409),
    "POST /api/v1/turns/<turn_id>/stream-token": Owned(),
    "GET /api/v1/generations/<generation_id>": Owned(),
    "GET /api/v1/generations/<generation_id>/stream": AskingStream(),
    "POST /api/v1/generations/<generation_id>/cancel": Owned(),
    "POST /api/v1/generations/<generation_id>/again": Owned(202),
    "POST /api/v1/generations/<generation_id>/stream-token": Owned(),
    "GET /generations/generate/<generation_id>/stream": AskingStream(),
    "POST /generations/generate/<generation_id>/stream-token": Owned(),
    "GET /api/sessions/<session_id>/stream/<voice>": Stream(),
    # Conversations
    "GET /api/v1/conversations": SignedIn(),
    "GET /api/v1/conversations/<session_id>": Owned(),
    "PATCH /api/v1/conversations/<session_id>": Owned(json={"title": "Another"}),
    "DELETE /api/v1/conversations/<session_id>": Owned(204),
    "GET /api/v1/conversations/<session_id>/messages": Owned(),
    # What can be asked for
    "GET /api/v1/models": SignedIn(),
    "GET /api/v1/voices": SignedIn(),
    "POST /api/v1/voices": SignedIn(201, json=VOICE),
    "GET /api/v1/voices/<key>": Owned(),
    "PATCH /api/v1/voices/<key>": Owned(json={"name": "Another"}),
    "DELETE /api/v1/voices/<key>": Owned(204),
    "GET /api/v1/voices.toml": SignedIn(),
    "POST /api/v1/voices.toml": SignedIn(json={"toml": IMPORTED}),
    "GET /api/v1/team/voices": Administrators(),
    "POST /api/v1/team/voices": Administrators(201, json=VOICE),
    "PATCH /api/v1/team/voices/<team_key>": Administrators(json={"name": "Another"}),
    "DELETE /api/v1/team/voices/<team_key>": Administrators(204),
    "GET /voices": Page(),
    "GET /voices.toml": Page(),
    "POST /voices.toml": Form(303, form={"toml": IMPORTED}),
    "GET /new-voice": Page(),
    "POST /new-voice": Form(303, form={**VOICE, "history": "branch"}),
    "GET /voices/<key>": OwnedPage(),
    "POST /voices/<key>": OwnedForm(303, form={**VOICE, "history": "own"}),
    "POST /voices/<key>/remove": OwnedForm(303, form={}),
    "POST /voices/<key>/disable": OwnedForm(303, form={"disabled": "1"}),
    "GET /team/voices": AdministratorsPage(),
    "GET /team/new-voice": AdministratorsPage(),
    "POST /team/new-voice": AdministratorsForm(303, form={**VOICE, "history": "branch"}),
    "GET /team/voices/<team_key>": AdministratorsPage(),
    "POST /team/voices/<team_key>": AdministratorsForm(303, form={**VOICE, "history": "all"}),
    "POST /team/voices/<team_key>/remove": AdministratorsForm(303, form={}),
    "POST /team/voices/<team_key>/disable": AdministratorsForm(303, form={"disabled": "1"}),
}
