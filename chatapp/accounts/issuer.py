"""The issuer of a stream token: what its user had signed in with, and with which it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Issuer:
    """A browser's session, or an API token: one with a row by its `jti`, any by the end that it names itself."""

    session_hash: str | None = None
    jti: str | None = None
    expires_at: datetime | None = None
