"""API tokens that somebody has tampered with, or that have come to their end: 401 and one line in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from chatapp.store.account import User
from chatapp.store.base import now
from tests.accounts.jwt_by_hand import encoded, signed
from tests.web.conftest import PASSWORD, LogLines, Person, SignUp, assert_error, parts_of, submit

PING = "/api/v1/auth/ping"
OURS = "authenticated"


class Forger:
    """Somebody who knows the secret, or part of it, and what a good token says."""

    def __init__(self, app: Flask, person: Person) -> None:
        self.secret = parts_of(app).settings.jwt_secret.get_secret_value()
        self.person = person

    def claims(self, **others: object) -> dict[str, object]:
        said = {"sub": self.person.id, "aud": OURS, "exp": int(time.time()) + 600, **others}
        return {name: value for name, value in said.items() if value is not ...}

    def saying(self, **others: object) -> str:
        """A token with other claims."""
        return signed(self.claims(**others), secret=self.secret)

    def headed(self, **header: object) -> str:
        """A sound one with another header."""
        return signed(self.claims(), secret=self.secret, **header)

    def written(self, name: str, number: str) -> str:
        """One with a number as no program would write it."""
        said = json.dumps(self.claims(**{name: "HERE"})).replace('"HERE"', number)
        return signed(said.encode(), secret=self.secret)

    def forged(self, **header: object) -> str:
        """One whose key the header brings."""
        return signed(self.claims(), secret="brought-along" * 4, **header)


def _soon() -> float:
    return time.time() + 0.9 + 60


JWK = {"kty": "oct", "k": encoded(b"brought-along" * 4), "alg": "HS256"}
ATTACKS: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda forger: forger.headed(alg="none"),
    "alg none, no signature": lambda forger: f"{encoded({'alg': 'none'})}.{encoded(forger.claims())}.",
    "alg None": lambda forger: forger.headed(alg="None"),
    "alg nOnE": lambda forger: forger.headed(alg="nOnE"),
    "alg hs256": lambda forger: forger.headed(alg="hs256"),
    "alg HS384": lambda forger: forger.headed(alg="HS384"),
    "alg HS512": lambda forger: forger.headed(alg="HS512"),
    "alg RS256": lambda forger: forger.headed(alg="RS256"),
    "alg list": lambda forger: forger.headed(alg=["HS256"]),
    "alg object": lambda forger: forger.headed(alg={"HS256": 1}),
    "alg null": lambda forger: forger.headed(alg=None),
    "no aud": lambda forger: forger.saying(aud=...),
    "wrong aud": lambda forger: forger.saying(aud="anon"),
    "wrong auds": lambda forger: forger.saying(aud=["anon", OURS.title()]),
    "aud and a number": lambda forger: forger.saying(aud=[OURS, 1]),
    "aud object": lambda forger: forger.saying(aud={OURS: 1}),
    "aud true": lambda forger: forger.saying(aud=True),
    "no exp": lambda forger: forger.saying(exp=...),
    "past exp": lambda forger: forger.saying(exp=int(time.time()) - 1),
    "exp now": lambda forger: forger.saying(exp=int(time.time())),
    "exp true": lambda forger: forger.saying(exp=True),
    "exp text": lambda forger: forger.saying(exp=str(int(time.time()) + 600)),
    "exp list": lambda forger: forger.saying(exp=[int(time.time()) + 600]),
    "exp infinite": lambda forger: forger.written("exp", "1e999"),
    "exp NaN": lambda forger: forger.written("exp", "NaN"),
    "exp of 5000 digits": lambda forger: forger.written("exp", "9" * 5000),
    "exp far past": lambda forger: forger.written("exp", "-" + "9" * 400),
    "future nbf": lambda forger: forger.saying(nbf=_soon()),
    "nbf far away": lambda forger: forger.written("nbf", "9" * 400),
    "nbf text": lambda forger: forger.saying(nbf="0"),
    "nbf true": lambda forger: forger.saying(nbf=True),
    "future iat": lambda forger: forger.saying(iat=_soon()),
    "iat far away": lambda forger: forger.written("iat", "1e308"),
    "iat false": lambda forger: forger.saying(iat=False),
    "sub number": lambda forger: forger.saying(sub=5),
    "sub list": lambda forger: forger.saying(sub=[forger.person.id]),
    "sub true": lambda forger: forger.saying(sub=True),
    "sub null": lambda forger: forger.saying(sub=None, email=forger.person.email),
    "sub unknown": lambda forger: forger.saying(sub="nobody"),
    "sub long": lambda forger: forger.saying(sub="x" * 5000),
    "sub not unicode": lambda forger: forger.saying(sub="\ud800"),
    "jti number": lambda forger: forger.saying(jti=5),
    "says it is ours": lambda forger: forger.saying(iss="chatapp", jti="0" * 32),
    "says it is ours, without a key": lambda forger: forger.saying(iss="chatapp"),
    "kid number": lambda forger: forger.headed(kid=5),
    "kid path": lambda forger: forger.forged(kid="../../../dev/null"),
    "kid query": lambda forger: forger.forged(kid="' UNION SELECT 'brought-along"),
    "jku": lambda forger: forger.forged(jku="https://evil.example/keys.json", kid="1"),
    "x5u": lambda forger: forger.forged(x5u="https://evil.example/chain.pem"),
    "jwk": lambda forger: forger.forged(jwk=JWK),
    "empty key": lambda forger: signed(forger.claims(), secret=""),
    "crit unknown": lambda forger: forger.headed(crit=["canary"], canary=1),
    "crit known claim": lambda forger: forger.headed(crit=["exp"], exp=1),
    "crit empty": lambda forger: forger.headed(crit=[]),
    "crit text": lambda forger: forger.headed(crit="exp"),
    "crit null": lambda forger: forger.headed(crit=None),
    "b64 false": lambda forger: forger.headed(crit=["b64"], b64=False),
    "cut": lambda forger: forger.saying()[:-1],
    "without a signature": lambda forger: forger.saying().rpartition(".")[0] + ".",
    "signature of another": lambda forger: (
        forger.saying().rpartition(".")[0] + "." + forger.saying(x=1).rpartition(".")[2]
    ),
    "unicode": lambda forger: forger.saying() + "é",
    "looks alike": lambda forger: forger.saying().replace("e", "е", 1),
    "enormous": lambda forger: forger.saying(x="canary" * 50_000),
    "deep": lambda forger: signed(b"[" * 6000, secret=forger.secret),
    "no object": lambda forger: signed([], secret=forger.secret),
    "no JSON": lambda forger: signed(b"{canary", secret=forger.secret),
    "twice the scheme": lambda forger: f"Bearer {forger.saying()}",
    "two of them": lambda forger: f"{forger.saying()},Bearer {forger.saying()}",
    "two parts": lambda forger: ".".join(forger.saying().split(".")[:2]),
    "encrypted": lambda forger: f"{forger.saying()}.AAAA.AAAA",
    "nothing": lambda _forger: "",
}


@pytest.fixture(scope="module")
def forger(standing_app: Flask, sign_up: SignUp) -> Forger:
    return Forger(standing_app, sign_up(standing_app, "forged@example.org"))


def ask(client: FlaskClient, authorization: str) -> Any:
    # As it comes from a server: bytes, read as Latin-1.
    header = authorization.encode("utf-8", "surrogatepass").decode("latin-1")
    return client.get(PING, environ_overrides={"HTTP_AUTHORIZATION": header})


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forged_token_is_refused(
    standing_app: Flask, forger: Forger, log_lines: LogLines, name: str
) -> None:
    client = standing_app.test_client()
    assert ask(client, f"Bearer {forger.saying()}").status_code == 200, "what all of them are made from"
    token = ATTACKS[name](forger)
    answered = ask(client, f"Bearer {token}")
    assert assert_error(answered, 401, "UNAUTHORIZED")["message"] == "Unauthorized"
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["address"]) == ("API token", "127.0.0.1")
    assert line["request_id"] == answered.headers["X-Request-Id"]
    assert line["reason"] != "worthless"
    for secret in ("canary", "evil", forger.secret, *filter(None, token.split("."))):
        assert secret not in log_lines.text
    assert "Set-Cookie" not in answered.headers


def test_what_is_unusual_and_sound_is_accepted(standing_app: Flask, forger: Forger) -> None:
    moment = time.time()
    sound = [
        forger.saying(aud=["other", OURS]),
        forger.saying(exp=moment + 600.5, nbf=moment - 0.5, iat=moment - 0.5),
        forger.written("exp", "9" * 400),
        forger.saying(iss="elsewhere", jti="elsewhere", name="é", role=None),
        forger.saying(sub="nobody", email=forger.person.email.upper()),
        forger.saying(sub=..., email=f" {forger.person.email} "),
        forger.headed(kid="x", jku="https://evil.example", jwk=JWK, typ="at+jwt", cty="JWT", x=["y"]),
        forger.headed(typ=None),
    ]
    client = standing_app.test_client()
    assert [ask(client, f"Bearer {token}").status_code for token in sound] == [200] * len(sound)
    for scheme in ("bearer", "BEARER", "bEaReR", " Bearer ", "Bearer  "):
        assert ask(client, f"{scheme} {sound[0]} ").status_code == 200


@pytest.mark.parametrize("authorization", ["Basic x,Bearer {}", "Bearer,{}", "Bearer\t{}", "{}", "JWT {}"])
def test_what_is_no_bearer_token_signs_nobody_in(
    standing_app: Flask, forger: Forger, authorization: str
) -> None:
    assert_error(ask(standing_app.test_client(), authorization.format(forger.saying())), 401)


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "bearer   "])
def test_an_empty_token_is_not_made_good_by_a_cookie(
    browser: FlaskClient, log_lines: LogLines, authorization: str
) -> None:
    assert_error(ask(browser, authorization), 401)
    assert [line["reason"] for line in log_lines.of("Refused")] == ["unreadable"]


def test_a_token_of_two_people_is_nobody_s(
    app: Flask, person: Person, stranger: Person, log_lines: LogLines
) -> None:
    forger = Forger(app, person)
    assert_error(ask(app.test_client(), f"Bearer {forger.saying(email=stranger.email)}"), 401)
    assert [line["reason"] for line in log_lines.of("Refused")] == ["names two people"]


def test_a_stranger_s_key_is_no_good(app: Flask, person: Person, stranger: Person) -> None:
    """A token for one, with the `jti` of another's."""
    items = parts_of(app).api_tokens.list(stranger.account, 1)
    assert_error(ask(app.test_client(), f"Bearer {Forger(app, person).saying(jti=items[0].jti)}"), 401)


def test_a_stream_token_is_no_api_token(app: Flask, api: FlaskClient, log_lines: LogLines) -> None:
    turn = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["turn_id"]
    token = api.post(f"/api/v1/turns/{turn}/stream-token").get_json()["sse_token"]
    assert_error(ask(app.test_client(), f"Bearer {token}"), 401)
    assert_error(app.test_client().get(PING, query_string={"token": token}), 401)
    assert token not in log_lines.text


def revoke(app: Flask, person: Person, _browser: FlaskClient) -> None:
    parts = parts_of(app)
    for row in parts.api_tokens.list(person.account, 100):
        parts.api_tokens.revoke(person.account, row.jti)


def disable(app: Flask, person: Person, _browser: FlaskClient) -> None:
    with parts_of(app).database.write() as connection:
        connection.execute(update(User).where(User.id == person.id).values(disabled_at=now()))


def change_password(_app: Flask, _person: Person, browser: FlaskClient) -> None:
    fields = {"old_password": PASSWORD, "new_password": "another good password"}
    assert submit(browser, "/password", **fields).status_code == 303


ENDS = {
    "revoked": revoke,
    "of a disabled user": disable,
    "from before the password was changed": change_password,
}


@pytest.mark.parametrize("why", ENDS)
def test_an_end_counts_at_the_very_next_request(
    app: Flask, person: Person, browser: FlaskClient, log_lines: LogLines, why: str
) -> None:
    """Though what the tokens say is remembered."""
    forger, client = Forger(app, person), app.test_client()
    ours = person.token
    minted = [forger.saying(), forger.saying(iat=int(time.time()) - 5), forger.saying(jti="x")]
    for token in [ours, *minted] * 2:
        assert ask(client, f"Bearer {token}").status_code == 200
    ENDS[why](app, person, browser)
    ended = [ours] if why == "revoked" else [ours, *minted]
    for token in ended:
        assert_error(ask(client, f"Bearer {token}"), 401)
    reasons = [line["reason"] for line in log_lines.of("Refused")]
    assert reasons[0] == ("revoked" if why.startswith("from") else why)
    assert set(reasons[1:]) <= {why}
    assert {line["user_id"] for line in log_lines.of("Refused")} == {person.id}


def test_a_token_from_after_the_change_is_good(app: Flask, person: Person, browser: FlaskClient) -> None:
    change_password(app, person, browser)
    with parts_of(app).database.write() as connection:  # as if it were some seconds later
        changed = now().replace(microsecond=0)
        connection.execute(update(User).values(password_changed_at=changed))
    client, forger = app.test_client(), Forger(app, person)
    second = changed.timestamp()
    assert ask(client, f"Bearer {forger.saying(iat=second)}").status_code == 401
    assert ask(client, f"Bearer {forger.saying(iat=second - 1)}").status_code == 401
    with parts_of(app).database.write() as connection:
        connection.execute(update(User).values(password_changed_at=now().replace(year=2000)))
    assert ask(client, f"Bearer {forger.saying(iat=second)}").status_code == 200
