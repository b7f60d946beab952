"""A deployment, as somebody signed in sees it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any

from chatapp.doctor.address import Address
from chatapp.doctor.deadline import Deadline
from chatapp.doctor.exchange import Exchange, json_body, object_in
from chatapp.doctor.plain import plain
from chatapp.doctor.stream import Stream
from chatapp.doctor.trouble import Unfit

MOST_BYTES = 1 << 20
"""Of an answer that is no stream."""

_KNOWN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


@dataclass(frozen=True, slots=True)
class Answer:
    """One that is no stream."""

    status: int
    headers: HTTPMessage
    body: bytes
    took_s: float

    def object(self) -> dict[str, Any]:
        """The body, as a JSON object. Raises Unfit."""
        return object_in(self.body)

    def text(self, name: str) -> str:
        """A string of the body's object. Raises Unfit where there is none."""
        found = self.object().get(name)
        if not isinstance(found, str) or not found:
            raise Unfit(f"the answer ({self.status}) has no {name}")
        return found

    def demand(self, status: int) -> Answer:
        """Itself. Raises Unfit, with what the server says, for another status."""
        if self.status != status:
            raise Unfit(f"the answer is {self.status}, not {status}{self._said()}")
        return self

    def _said(self) -> str:
        try:
            found = self.object()
        except Unfit:
            return ""
        return f": {plain(found.get('code'))}, {plain(found.get('message'))}"


@dataclass(slots=True)
class Site:
    """`patience_s` bounds each request, from the connection to the end of its answer. `made` are the conversations
    that were made here, for the end to remove."""

    address: Address
    tls: ssl.SSLContext
    patience_s: float
    token: str = ""
    made: list[str] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed_in: bool = True,
        raw: bytes | None = None,
    ) -> Answer:
        """One request and its whole answer; `raw` is a body that is sent as it is. Raises Trouble."""
        deadline = Deadline(self.patience_s)
        sent = raw if body is None else json_body(body)
        with Exchange(
            self.address, self.tls, method, path, self._headers(headers, sent, signed_in), sent, deadline
        ) as exchange:
            found = b""
            while data := exchange.read(65_536):
                found += data
                if len(found) > MOST_BYTES:
                    raise Unfit(f"the answer to {method} {path} has no end")
            return Answer(
                exchange.status, exchange.headers, found, exchange.reader.last_at - exchange.began_at
            )

    def follow(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed_in: bool = True,
    ) -> Stream:
        """An answer that is read while it comes; to be used in a `with`. Raises Trouble."""
        deadline = Deadline(self.patience_s)
        sent = None if body is None else json_body(body)
        given = {"Accept": "text/event-stream", **(headers or {})}
        exchange = Exchange(
            self.address, self.tls, method, path, self._headers(given, sent, signed_in), sent, deadline
        )
        self.note(exchange.headers.get("X-Session-Id", ""))
        return Stream(exchange)

    def note(self, session_id: str) -> None:
        """Remembers a conversation that was made."""
        if session_id and set(session_id) <= set(_KNOWN) and session_id not in self.made:
            self.made.append(session_id)

    def _headers(
        self, given: Mapping[str, str] | None, body: bytes | None, signed_in: bool
    ) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", **(given or {})}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if signed_in and self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers


def path_of(found: object) -> str:
    """A path that a server told. Raises Unfit for anything else."""
    if isinstance(found, str) and found.startswith("/") and found.isascii() and " " not in found:
        return found
    raise Unfit("the server tells no path for the stream")


def name_of(found: object) -> str:
    """An id that a server told, to be put into a path. Raises Unfit for anything else."""
    if isinstance(found, str) and 0 < len(found) <= 128 and set(found) <= set(_KNOWN):
        return found
    raise Unfit("the server tells an id that is none")
