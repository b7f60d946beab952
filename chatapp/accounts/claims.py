"""What an API token says: a JWT (RFC 7519) whose signature, audience and times are checked.

HS256 and nothing else. The key is ours, whatever the header says of another (`kid`, `jku`, `jwk`, `x5u`), and `typ` is
not judged: nothing else is signed with this secret. A header that calls something critical which is not understood
here is refused (RFC 7515, section 4.1.11). Times are numbers and have no leeway.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt

from chatapp.errors import Unauthorized

AUDIENCE = "authenticated"
ISSUER = "chatapp"
LONGEST = 8192
"""Characters; the server takes no longer header."""
_ALGORITHM = "HS256"
_CHECKED = 5_000
"""Tokens whose claims are remembered, by their digest."""
_TIMES = ("exp", "nbf", "iat")
_UNCHECKED = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.InvalidSignatureError, "wrong signature"),
    (jwt.InvalidAlgorithmError, "wrong algorithm"),
    (jwt.InvalidAudienceError, "wrong audience"),
    (jwt.MissingRequiredClaimError, "without an end or an audience"),
)


class ApiTokenRefused(Unauthorized):
    """What was presented signs nobody in. `reason` and `user_id` are for the log alone."""

    def __init__(self, reason: str, user_id: str | None = None) -> None:
        super().__init__()
        self.reason = reason
        self.user_id = user_id


class Claims:
    """Writes and reads the claims of tokens. `secret` signs them and has at least 32 characters."""

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        """`clock` tells Unix time in seconds."""
        self._secret = secret
        self._clock = clock
        self._checked: dict[bytes, dict[str, Any]] = {}

    def written(self, claims: dict[str, Any]) -> str:
        """The token that says this. The same claims are always the same token."""
        return jwt.encode({**claims, "aud": AUDIENCE, "iss": ISSUER}, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> dict[str, Any]:
        """What the token says. Raises ApiTokenRefused unless it is sound and in force. What was found sound stays
        so, and its signature is not checked again: saves 0.1 ms a request. Its times are looked at each time."""
        if len(token) > LONGEST:
            raise ApiTokenRefused("too long")
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._checked.get(digest)
        if claims is None:
            claims = self._decoded(token)
            if len(self._checked) >= _CHECKED:
                self._checked.clear()
            self._checked[digest] = claims
        self._demand_in_force(claims)
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        options: Any = {"require": ["exp", "aud"], **_UNCHECKED}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=[_ALGORITHM], audience=AUDIENCE, options=options
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            reasons = [reason for kind, reason in _REASONS if isinstance(error, kind)]
            raise ApiTokenRefused(reasons[0] if reasons else "unreadable") from None
        if not all(_is_time(claims[name]) for name in _TIMES if name in claims):
            raise ApiTokenRefused("a time is no number")
        return claims

    def _demand_in_force(self, claims: dict[str, Any]) -> None:
        moment = self._clock()
        if claims["exp"] <= moment:
            raise ApiTokenRefused("expired")
        # One that says it was issued in the future would outlive changes of the password until then. Ours has a row
        # instead, and may come from a machine whose clock is a little ahead.
        begins = ("nbf",) if claims.get("iss") == ISSUER else ("nbf", "iat")
        if any(claims.get(name, 0) > moment for name in begins):
            raise ApiTokenRefused("not in force yet")


def _is_time(value: object) -> bool:
    """Whether it is what RFC 7519 calls a NumericDate: a number, which JSON's true and "5" are not."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
