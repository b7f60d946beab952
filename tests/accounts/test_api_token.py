"""API tokens: which JWTs name whom, and which are worthless."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from chatapp.accounts.account import Account, Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.store.account import ApiToken, User
from chatapp.store.base import now
from chatapp.store.database import Database
from tests.accounts.conftest import SECRET, whose
from tests.accounts.jwt_by_hand import claims_of, encoded, signed


def test_an_issued_token_names_its_account(tokens: ApiTokens, person: Account) -> None:
    issued = tokens.issue(person, "for a script")
    assert whose(tokens, issued.token) == person
    assert issued.expires_in_s == 30 * 24 * 3600


def test_an_issued_token_says_what_the_contract_wants(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    token = tokens.issue(person, "for a script", timedelta(hours=1)).token
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="authenticated")
    assert (claims["sub"], claims["email"]) == (person.id, person.email)
    assert claims["exp"] - claims["iat"] == 3600
    with database.read() as connection:
        row = connection.execute(select(ApiToken)).one()
    assert (row.jti, row.name, row.user_id) == (claims["jti"], "for a script", person.id)
    assert token not in str(tuple(row))


def test_a_token_minted_elsewhere_is_accepted(tokens: ApiTokens, person: Account) -> None:
    assert whose(tokens, signed(claims_of(person))) == person


class Judge:
    """Says with which values of a claim a token is good."""

    def __init__(self, tokens: ApiTokens, account: Account) -> None:
        self._tokens = tokens
        self._account = account

    def accepted(self, name: str, values: Iterable[object]) -> list[object]:
        made = [(value, signed(claims_of(self._account, **{name: value}))) for value in values]
        return [value for value, token in made if whose(self._tokens, token) == self._account]


@pytest.fixture
def judge(tokens: ApiTokens, person: Account) -> Judge:
    return Judge(tokens, person)


def test_no_other_algorithm_counts(tokens: ApiTokens, person: Account) -> None:
    for alg in ("none", "None", "HS384", "HS512", "RS256", "hs256", "", None, ["HS256"]):
        token = signed(claims_of(person), alg=alg)
        assert whose(tokens, token) is None, alg
        assert whose(tokens, token.rpartition(".")[0] + ".") is None, alg


def test_another_secret_does_not_count(tokens: ApiTokens, person: Account) -> None:
    for secret in ("x" * 40, "", SECRET + "x"):
        assert whose(tokens, signed(claims_of(person), secret=secret)) is None


def test_a_header_that_asks_for_something_critical_is_refused(tokens: ApiTokens, person: Account) -> None:
    for crit in (["exp"], ["unknown"], [], "x", None, [5]):
        assert whose(tokens, signed(claims_of(person), crit=crit, unknown=1)) is None, crit
    assert whose(tokens, signed(claims_of(person), crit=["b64"], b64=False)) is None


def test_a_header_that_brings_its_own_key_changes_nothing(tokens: ApiTokens, person: Account) -> None:
    for name, value in {
        "kid": "../../dev/null",
        "jwk": {"kty": "oct", "k": "AA"},
        "jku": "https://evil",
    }.items():
        header: dict[str, Any] = {name: value}
        assert whose(tokens, signed(claims_of(person), **header)) == person
        assert whose(tokens, signed(claims_of(person), secret="\0", **header)) is None


def test_the_audience_is_ours(judge: Judge) -> None:
    others = [None, "", "anon", "Authenticated", ["anon"], [], {"authenticated": 1}, 5, ["authenticated", 5]]
    assert judge.accepted("aud", others) == []
    assert judge.accepted("aud", [["other", "authenticated"]])  # RFC 7519: one of several


def test_a_token_has_an_end_and_there_is_no_leeway(judge: Judge) -> None:
    ends: list[object] = [None, 0, -1, "soon", "", [], True, {}, int(time.time())]
    assert judge.accepted("exp", ends) == []


def test_a_token_that_was_found_sound_still_has_its_end(database: Database, person: Account) -> None:
    clock = [time.time()]
    tokens = ApiTokens(database, SECRET, clock=lambda: clock[0])  # this one has no row to note its use in
    token = signed(claims_of(person, exp=int(clock[0]) + 60))
    for _ in range(2):
        assert whose(tokens, token) == person
    clock[0] += 60
    assert whose(tokens, token) is None


def test_what_was_found_sound_says_nothing_of_another_token(tokens: ApiTokens, person: Account) -> None:
    token = signed(claims_of(person))
    assert whose(tokens, token) == person
    body, _, signature = token.rpartition(".")
    forged = "A" if signature[0] != "A" else "B"
    for other in (f"{body}.", f"{body}.{forged}{signature[1:]}", token[:-1], token + "\ud800"):
        assert whose(tokens, other) is None


def test_a_token_of_the_future_is_worthless(judge: Judge) -> None:
    moments = [int(time.time()) + more for more in (60, 10**30, 10**400)]
    assert judge.accepted("nbf", moments) == judge.accepted("iat", moments) == []


def test_moments_that_are_no_numbers_break_nothing(tokens: ApiTokens, person: Account) -> None:
    for name in ("exp", "iat", "nbf"):
        for text in ("Infinity", "-Infinity", "NaN", "1e400", "1e999999"):
            claims = json.dumps(claims_of(person, **{name: "HERE"})).replace('"HERE"', text)
            assert whose(tokens, signed(claims.encode())) in (None, person)


def test_sub_decides(tokens: ApiTokens, person: Account) -> None:
    assert whose(tokens, signed(claims_of(person, email="nobody@example.org"))) == person
    assert whose(tokens, signed(claims_of(person, email=person.email))) == person
    assert whose(tokens, signed(claims_of(person, email=5))) == person


def test_the_e_mail_counts_where_sub_names_nobody(tokens: ApiTokens, person: Account) -> None:
    for sub in (None, "nobody", "", "x" * 5000, "a\0b"):
        token = signed(claims_of(person, sub=sub, email=" READER@Example.org"))
        assert whose(tokens, token) == person, sub


def test_two_people_are_nobody(tokens: ApiTokens, person: Account, other: Account) -> None:
    assert whose(tokens, signed(claims_of(person, email=other.email))) is None


def test_nobody_at_all(tokens: ApiTokens, person: Account) -> None:
    assert whose(tokens, signed(claims_of(person, sub=None))) is None
    assert whose(tokens, signed(claims_of(person, sub="nobody", email="nobody@example.org"))) is None


def test_a_sub_that_is_no_text_names_nobody(judge: Judge) -> None:
    assert judge.accepted("sub", [5, True, ["x"], {"id": "x"}, 1.5]) == []


def test_claims_that_no_database_can_hold_break_nothing(tokens: ApiTokens, person: Account) -> None:
    values: list[object] = ["a\0b", "\ud800", "x" * 100_000, 5, [], {}, True]
    for name in ("sub", "email", "jti", "iss"):
        for value in values:
            assert whose(tokens, signed(claims_of(person, **{name: value}))) in (None, person)


def test_a_revoked_token_is_worthless(database: Database, tokens: ApiTokens, person: Account) -> None:
    revoked, kept = tokens.issue(person, "revoked").token, tokens.issue(person, "kept").token
    jti = jwt.decode(revoked, options={"verify_signature": False})["jti"]
    with database.write() as connection:
        connection.execute(update(ApiToken).where(ApiToken.jti == jti).values(revoked_at=now()))
    assert whose(tokens, revoked) is None
    assert whose(tokens, kept) == person


def test_a_token_of_ours_that_is_not_listed_is_worthless(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    token = tokens.issue(person, "deleted").token
    with database.write() as connection:
        connection.execute(delete(ApiToken))
    assert whose(tokens, token) is None
    assert whose(tokens, signed(claims_of(person, iss="chatapp", jti="0" * 32))) is None
    assert whose(tokens, signed(claims_of(person, iss="chatapp"))) is None


def test_a_listed_token_is_its_user_s_alone(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    tokens.issue(person, "mine")
    with database.read() as connection:
        jti = connection.scalars(select(ApiToken.jti)).one()
    assert whose(tokens, signed(claims_of(other, jti=jti))) is None


def test_a_disabled_user_s_tokens_are_worthless(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    made = [tokens.issue(person, "ours").token, signed(claims_of(person))]
    by_email = signed(claims_of(person, sub="nobody", email=person.email))
    with database.write() as connection:
        connection.execute(update(User).where(User.id == person.id).values(disabled_at=now()))
    assert [whose(tokens, each) for each in (*made, by_email)] == [None, None, None]
    assert whose(tokens, signed(claims_of(other))) == other


def test_a_change_of_password_ends_what_was_issued_before_it(
    database: Database, accounts: Accounts, tokens: ApiTokens, person: Account
) -> None:
    moment = int(time.time())
    before = [
        tokens.issue(person, "ours").token,
        signed(claims_of(person)),
        signed(claims_of(person, iat=moment - 10)),
        signed(claims_of(person, iat=moment - 10, jti="elsewhere")),
        signed(claims_of(person, jti="elsewhere")),
        signed(claims_of(person, iat=0)),
    ]
    assert [whose(tokens, each) for each in before] == [person] * len(before)
    accounts.set_password(person, "another good password")
    assert [whose(tokens, each) for each in before] == [None] * len(before)
    with database.write() as connection:  # as if it were a few seconds later
        connection.execute(update(User).values(password_changed_at=now() - timedelta(seconds=5)))
    changed = accounts.by_id(person.id)
    assert changed is not None
    after = [
        tokens.issue(changed, "new").token,
        signed(claims_of(person, iat=moment)),
        signed(claims_of(person, iat=moment, jti="elsewhere")),
    ]
    assert [whose(tokens, each) for each in after] == [person] * len(after)


GARBAGE = ["", ".", "..", "...", "a.b.c", "é.é.é", "\0", "\ud800", "x" * 100_000, "eyJ9.eyJ9.", "e30.e30.e30"]


class NoDatabase(Database):
    """Nothing that is worthless by itself may be looked up."""

    def __init__(self) -> None:
        pass


def test_garbage_is_nobody_s() -> None:
    tokens = ApiTokens(NoDatabase(), SECRET)
    for token in GARBAGE:
        assert whose(tokens, token) is None
    bodies: list[object] = [[], "x", 5, None, b"", b"{", b"\xff", b"[" * 20_000]
    for claims in bodies:
        assert whose(tokens, signed(claims)) is None


pairs = st.tuples(st.binary(), st.binary()).map(lambda two: f"{encoded(two[0])}.{encoded(two[1])}.x")


@given(st.text() | pairs)
@settings(deadline=None)
def test_no_garbage_surprises_it(token: str) -> None:
    assert whose(ApiTokens(NoDatabase(), SECRET), token) is None
