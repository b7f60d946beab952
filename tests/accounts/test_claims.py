"""What an API token says, and the reasons for which one is refused: told to the log, and nothing of the token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.accounts.claims import LONGEST, ApiTokenRefused, Claims
from tests.accounts.conftest import SECRET
from tests.accounts.jwt_by_hand import encoded, signed
from tests.hand_clock import HandClock

NOW = 1_800_000_000
SOUND: dict[str, object] = {"sub": "a", "aud": "authenticated", "exp": NOW + 60}


@pytest.fixture
def clock() -> HandClock:
    return HandClock(float(NOW))


@pytest.fixture
def claims(clock: HandClock) -> Claims:
    return Claims(SECRET, clock)


def reason(claims: Claims, token: str) -> str | None:
    """Why a token is refused, or None."""
    try:
        claims.read(token)
    except ApiTokenRefused as refusal:
        assert refusal.message == "Unauthorized"
        assert refusal.user_id is None
        return refusal.reason
    return None


def saying(**others: object) -> str:
    return signed({name: value for name, value in {**SOUND, **others}.items() if value is not ...})


def raw(name: str, number: str) -> str:
    """A token with a number that Python would not write so."""
    return signed(json.dumps({**SOUND, name: "HERE"}).replace('"HERE"', number).encode())


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "algorithm none": (lambda: signed(SOUND, alg="none"), "wrong algorithm"),
    "algorithm none, unsigned": (
        lambda: f"{encoded({'alg': 'none'})}.{encoded(SOUND)}.",
        "wrong algorithm",
    ),
    "another algorithm": (lambda: signed(SOUND, alg="HS512"), "wrong algorithm"),
    "no algorithm": (lambda: f"{encoded({})}.{encoded(SOUND)}.AA", "wrong algorithm"),
    "another secret": (lambda: signed(SOUND, secret="x" * 40), "wrong signature"),
    "no audience": (lambda: saying(aud=...), "without an end or an audience"),
    "another audience": (lambda: saying(aud="anon"), "wrong audience"),
    "other audiences": (lambda: saying(aud=["anon", "service"]), "wrong audience"),
    "no end": (lambda: saying(exp=...), "without an end or an audience"),
    "over": (lambda: saying(exp=NOW - 1), "expired"),
    "over now": (lambda: saying(exp=NOW), "expired"),
    "not before": (lambda: saying(nbf=NOW + 1), "not in force yet"),
    "not before half a second": (lambda: saying(nbf=NOW + 0.5), "not in force yet"),
    "issued in the future": (lambda: saying(iat=NOW + 1), "not in force yet"),
    "something critical": (lambda: signed(SOUND, crit=["exp"]), "unreadable"),
    "something unknown critical": (lambda: signed(SOUND, crit=["x"], x=1), "unreadable"),
    "a key id that is no text": (lambda: signed(SOUND, kid=5), "unreadable"),
    "garbage": (lambda: "a.b.c", "unreadable"),
    "nothing": (lambda: "", "unreadable"),
    "letters of other scripts": (lambda: "ä.ö.ü", "unreadable"),
    "five parts": (lambda: saying() + ".a.b", "unreadable"),
    "very long": (lambda: saying(more="x" * LONGEST), "too long"),
    "deep claims": (lambda: signed(b"[" * 6000), "unreadable"),
    "deep head": (lambda: f"{encoded(b'[' * 6000)}.e30.AA", "unreadable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(claims: Claims, name: str) -> None:
    make, why = REFUSED[name]
    for _ in range(2):
        assert reason(claims, make()) == why


def test_a_sound_token_says_what_it_says(claims: Claims) -> None:
    for _ in range(2):
        assert claims.read(saying(iat=NOW, nbf=NOW))["sub"] == "a"
    assert claims.read(saying(aud=["other", "authenticated"]))["sub"] == "a"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "", None, 5, ["JWT"], {"a": 1}])
def test_the_type_is_not_judged(claims: Claims, typ: object) -> None:
    assert reason(claims, signed(SOUND, typ=typ)) is None


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [True, False, "1", str(NOW + 60), None, [], {}, [NOW], ""])
def test_a_time_is_a_number(claims: Claims, name: str, value: object) -> None:
    expected = "without an end or an audience" if (name, value) == ("exp", None) else "a time is no number"
    assert reason(claims, saying(**{name: value})) == expected


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999", "-1e999"])
def test_a_time_is_a_real_number(claims: Claims, name: str, number: str) -> None:
    assert reason(claims, raw(name, number)) == "a time is no number"


def test_moments_however_far_away_break_nothing(claims: Claims) -> None:
    far = "9" * 400
    assert reason(claims, raw("exp", far)) is None
    assert reason(claims, raw("exp", f"-{far}")) == "expired"
    for name in ("nbf", "iat"):
        assert reason(claims, raw(name, far)) == "not in force yet"
        assert reason(claims, raw(name, f"-{far}")) is None
        assert reason(claims, raw(name, "1e308")) == "not in force yet"
        assert reason(claims, raw(name, "9" * 5000)) == "unreadable"


def test_fractions_of_a_second_count(claims: Claims, clock: HandClock) -> None:
    token = saying(exp=NOW + 0.5)
    assert reason(claims, token) is None
    clock.wait(0.5)
    assert reason(claims, token) == "expired"


def test_a_token_comes_into_force(claims: Claims, clock: HandClock) -> None:
    """Also one that was found sound before."""
    token = saying(nbf=NOW + 5)
    assert reason(claims, token) == "not in force yet"
    clock.wait(5)
    assert reason(claims, token) is None
    clock.now -= 5
    assert reason(claims, token) == "not in force yet"


def test_a_token_of_ours_may_come_from_a_clock_that_is_ahead(claims: Claims) -> None:
    assert reason(claims, saying(iss="chatapp", iat=NOW + 1)) is None
    assert reason(claims, saying(iss="chatapp", nbf=NOW + 1)) == "not in force yet"
    assert reason(claims, saying(iss=["chatapp"], iat=NOW + 1)) == "not in force yet"


def test_the_same_claims_are_the_same_token(claims: Claims) -> None:
    """A token that is shown need not have been kept."""
    said = {"sub": "a", "exp": NOW + 60}
    assert claims.written(said) == claims.written(said)
    assert claims.read(claims.written(said)) == {**said, "aud": "authenticated", "iss": "chatapp"}


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "aud", "sub", "jti", "iss", "email"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.lists(st.text(max_size=5), max_size=2),
        ),
    )
)
@settings(deadline=None)
def test_no_claims_surprise_it(said: dict[str, object]) -> None:
    claims = Claims(SECRET, time.time)
    assert reason(claims, signed({**SOUND, "exp": time.time() + 60, **said})) in {
        None,
        "a time is no number",
        "expired",
        "not in force yet",
        "unreadable",
        "without an end or an audience",
        "wrong audience",
    }
