"""The limits per time: messages of a user, sign-ins by address and account, and what else costs a password hash."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, cast

from flask import Flask, Response, current_app, g
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from limits import parse

from chatapp.config import Settings
from chatapp.errors import TooManyRequests
from chatapp.streaming.subscriber import Clock
from chatapp.web.identity import account_if_known, current_account
from chatapp.web.limits.keys import account_key, asking_address
from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.limits.storage import LimitStorage
from chatapp.web.limits.windows import Windows
from chatapp.web.refusal import refused

_EXTENSION = "chatapp_limits"
_ADDRESS = "30 per minute; 300 per hour"
"""Sign-ins from one address, the good ones too: an office in the morning, and not a list of passwords."""
_ACCOUNT_HERE = "10 per 15 minute"
"""Sign-ins to one account from one address since the last good one: somebody who has forgotten a password."""
_ACCOUNT = "100 per hour"
"""Sign-ins to one account from all addresses that it has not been signed in from lately. Loose, because strangers use
it up; who signs in from a known place is not held up by them."""
_KNOWN_PLACE = parse("1 per 30 day")
_REGISTRATION = "30 per hour"
"""Accounts that are made from one address."""
_PASSWORD = "10 per 15 minute"  # noqa: S105 - how often, and no secret
"""Changes of password that a user tries."""
_HERE, _KNOWN, _CHANGE = "sign-in-here", "known-place", "password"
"""As what those are counted that are forgotten or looked up by name."""


class Limits:
    """Of one application. Each `count_…` is called before the work that it bounds, and raises TooManyRequests."""

    def __init__(self, limiter: Limiter, settings: Settings, clock: Clock) -> None:
        self._limiter = limiter
        self._secret = settings.secret_key.get_secret_value()
        self._clock = clock
        self.on = settings.rate_limits_on
        messages = f"{settings.messages_per_minute} per minute"
        self._message = _limited(limiter, "message", (messages, "message", _user, None))
        self._sign_in = _limited(
            limiter,
            "sign_in",
            (_ADDRESS, "sign-in-address", asking_address, None),
            (_ACCOUNT_HERE, _HERE, _account_here, None),
            (_ACCOUNT, "sign-in", _account, self._is_known_place),
        )
        registrations = (_REGISTRATION, "registration", asking_address, None)
        self._registration = _limited(limiter, "registration", registrations)
        self._password = _limited(limiter, "password", (_PASSWORD, _CHANGE, _user, None))

    def count_message(self) -> None:
        """One message of who is signed in."""
        self._count(self._message, "messages")

    def count_sign_in(self, email: str) -> None:
        """One attempt to sign in as `email`, whether anybody has that or not."""
        g.limited_account = account_key(email, self._secret)
        self._count(self._sign_in, "sign-ins")

    def signed_in(self) -> None:
        """The attempt was a good one: what failed here before is forgotten, and this is a known place."""
        if self.on:
            self._forget(_ACCOUNT_HERE, _account_here(), _HERE)
            self._limiter.limiter.hit(_KNOWN_PLACE, _account_here(), _KNOWN)

    def count_registration(self) -> None:
        """One account that somebody wants to make."""
        self._count(self._registration, "registrations")

    def count_password(self) -> None:
        """One change of password that the user tries."""
        self._count(self._password, "changes of password")

    def password_changed(self) -> None:
        """It was a good one."""
        if self.on:
            self._forget(_PASSWORD, _user(), _CHANGE)

    def _count(self, counted: Callable[[], None], what: str) -> None:
        if not self.on:
            return
        try:
            counted()
        except RateLimitExceeded:
            reached = cast(RequestLimit, self._limiter.current_limit)
            wait_s = self._seconds_until(reached.window.reset_time)
            account = account_if_known()
            refused("limit", what, account.id if account else None)
            raise TooManyRequests(
                f"That was too often. Please try again in {_in_words(wait_s)}.",
                limit=reached.limit.amount,
                retry_after_s=wait_s,
            ) from None

    def tell(self, response: Response) -> Response:
        """Says on an answer that counted how much is left of the limit that is nearest to its end."""
        if self.on and "RateLimit-Limit" not in response.headers and self._limiter.current_limits:
            nearest = min(self._limiter.current_limits, key=lambda each: each.remaining)
            response.headers["RateLimit-Limit"] = str(nearest.limit.amount)
            response.headers["RateLimit-Remaining"] = str(max(0, nearest.remaining))
            response.headers["RateLimit-Reset"] = str(self._seconds_until(nearest.window.reset_time))
        return response

    def _seconds_until(self, moment: float) -> int:
        return max(1, ceil(moment - self._clock()))

    def _is_known_place(self) -> bool:
        return not self._limiter.limiter.test(_KNOWN_PLACE, _account_here(), _KNOWN)

    def _forget(self, limit: str, *counted_as: str) -> None:
        self._limiter.limiter.clear(parse(limit), *counted_as)


def _limited(limiter: Limiter, name: str, *limits: Any) -> Callable[[], None]:
    """What counts when it is called: each of `limits` is how often, as what, by which key, and when not."""

    def counted() -> None:
        pass

    counted.__name__ = name  # by which Flask-Limiter tells functions apart
    for often, scope, key, exempt_when in limits:
        decorate: Any = limiter.shared_limit(often, scope, key_func=key, exempt_when=exempt_when)
        counted = decorate(counted)
    return counted


def _user() -> str:
    return current_account().id


def _account() -> str:
    return str(g.limited_account)


def _account_here() -> str:
    return f"{g.limited_account}@{asking_address()}"


def _in_words(seconds: int) -> str:
    if seconds >= 120:
        return f"{ceil(seconds / 60)} minutes"
    return "a second" if seconds == 1 else f"{seconds} seconds"


def limits() -> Limits:
    """Those of the application that serves this request."""
    return cast(Limits, current_app.extensions[_EXTENSION])


def init_limits(app: Flask, settings: Settings, redis: SharedRedis | None, clock: Clock) -> None:
    """`clock` is what this process counts by while it counts alone."""
    parts: dict[str, Any] = {"windows": Windows(clock), "redis": redis}
    limiter = Limiter(
        asking_address,
        app=app,
        # Moving windows: what is promised for a minute holds for every minute, and the moment at which one more is
        # let in is known to the second. A message or an attempt is a number in a short list.
        strategy="moving-window",
        storage_uri=f"{LimitStorage.STORAGE_SCHEME[0]}://",
        storage_options=parts,
        enabled=settings.rate_limits_on,
        swallow_errors=False,
    )
    app.extensions[_EXTENSION] = found = Limits(limiter, settings, clock)
    app.after_request(found.tell)
