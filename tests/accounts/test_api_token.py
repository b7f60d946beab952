"""API tokens: which JWTs name whom, and which are worthless."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
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
from tests.accounts.conftest import PASSWORD, SECRET


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: object, *, secret: str = SECRET, **header: object) -> str:
    """A JWT to the letter: no library refuses to write it."""
    head = {"alg": "HS256", "typ": "JWT", **header}
    body = f"{encoded(head)}.{encoded(claims)}"
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(str(head["alg"]), hashlib.sha256)
    return f"{body}.{encoded(hmac.digest(secret.encode(), body.encode(), digest))}"


def claims_of(account: Account, **claims: object) -> dict[str, object]:
    """What a token minted elsewhere says; a claim that is None is left out."""
    body = {"sub": account.id, "aud": "authenticated", "exp": int(time.time()) + 60, **claims}
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture
def other(accounts: Accounts) -> Account:
    return accounts.create("other@example.org", PASSWORD)


def test_an_issued_token_names_its_account(tokens: ApiTokens, person: Account) -> None:
    issued = tokens.issue(person, "for a script")
    assert tokens.account(issued.token) == person
    assert issued.expires_in_s == 30 * 24 * 3600


def test_an_issued_token_says_what_the_contract_wants(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    token = tokens.issue(person, "for a script", timedelta(hours=1)).token
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="authenticated")
    assert (claims["sub"], claims["email"]) == (person.id, person.email)
    assert claims["exp"] - claims["iat"] == 3600
    with database.read() as session:
        row = session.scalars(select(ApiToken)).one()
    assert (row.jti, row.name, row.user_id) == (claims["jti"], "for a script", person.id)
    assert token not in str(vars(row))


def test_a_token_minted_elsewhere_is_accepted(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person))) == person


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS384"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ""},
        {"alg": None},
    ],
)
def test_no_other_algorithm_counts(tokens: ApiTokens, person: Account, header: dict[str, Any]) -> None:
    token = signed(claims_of(person), **header)
    assert tokens.account(token) is None
    assert tokens.account(token.rpartition(".")[0] + ".") is None


def test_another_secret_does_not_count(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person), secret="x" * 40)) is None
    assert tokens.account(signed(claims_of(person), secret="")) is None


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unknown"], [], "x", None])
def test_a_header_that_asks_for_something_critical_is_refused(
    tokens: ApiTokens, person: Account, crit: object
) -> None:
    extra = {"b64": False} if crit == ["b64"] else {"unknown": 1}
    assert tokens.account(signed(claims_of(person), crit=crit, **extra)) is None


@pytest.mark.parametrize(
    "kid", [{"kid": "../../dev/null"}, {"jwk": {"kty": "oct", "k": "AA"}}, {"jku": "https://evil"}]
)
def test_a_header_that_brings_its_own_key_changes_nothing(
    tokens: ApiTokens, person: Account, kid: dict[str, object]
) -> None:
    assert tokens.account(signed(claims_of(person), **kid)) == person
    assert tokens.account(signed(claims_of(person), secret="\0", **kid)) is None


@pytest.mark.parametrize(
    "aud", [None, "", "anon", "Authenticated", ["anon"], [], {"authenticated": 1}, 5, ["authenticated", 5]]
)
def test_the_audience_is_ours(tokens: ApiTokens, person: Account, aud: object) -> None:
    assert tokens.account(signed(claims_of(person, aud=aud))) is None


def test_the_audience_may_be_one_of_several(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person, aud=["other", "authenticated"]))) == person


@pytest.mark.parametrize("exp", [None, 0, -1, "soon", "", [], True, {}])
def test_a_token_has_an_end(tokens: ApiTokens, person: Account, exp: object) -> None:
    assert tokens.account(signed(claims_of(person, exp=exp))) is None


def test_there_is_no_leeway(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person, exp=int(time.time())))) is None


@pytest.mark.parametrize("claims", [{"nbf": 60}, {"iat": 60}, {"iat": 10**400}, {"nbf": 10**30}])
def test_a_token_of_the_future_is_worthless(
    tokens: ApiTokens, person: Account, claims: dict[str, int]
) -> None:
    later = {name: int(time.time()) + value for name, value in claims.items()}
    assert tokens.account(signed(claims_of(person, **later))) is None


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", "1e400", "1e999999"])
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_moments_that_are_no_numbers_break_nothing(
    tokens: ApiTokens, person: Account, name: str, text: str
) -> None:
    claims = json.dumps(claims_of(person, **{name: "HERE"})).replace('"HERE"', text)
    assert tokens.account(signed(claims.encode())) in (None, person)


def test_sub_decides(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person, email="nobody@example.org"))) == person
    assert tokens.account(signed(claims_of(person, email=person.email))) == person
    assert tokens.account(signed(claims_of(person, email=5))) == person


@pytest.mark.parametrize("sub", [None, "nobody", "", "x" * 5000, "a\0b"])
def test_the_e_mail_counts_where_sub_names_nobody(
    tokens: ApiTokens, person: Account, sub: str | None
) -> None:
    assert tokens.account(signed(claims_of(person, sub=sub, email=" READER@Example.org"))) == person


def test_two_people_are_nobody(tokens: ApiTokens, person: Account, other: Account) -> None:
    assert tokens.account(signed(claims_of(person, email=other.email))) is None


def test_nobody_at_all(tokens: ApiTokens, person: Account) -> None:
    assert tokens.account(signed(claims_of(person, sub=None))) is None
    assert tokens.account(signed(claims_of(person, sub="nobody", email="nobody@example.org"))) is None


@pytest.mark.parametrize("sub", [5, True, ["x"], {"id": "x"}, 1.5])
def test_a_sub_that_is_no_text_names_nobody(tokens: ApiTokens, person: Account, sub: object) -> None:
    assert tokens.account(signed(claims_of(person, sub=sub))) is None


@pytest.mark.parametrize("name", ["sub", "email", "jti", "iss"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 100_000, 5, [], {}, True])
def test_claims_that_no_database_can_hold_break_nothing(
    tokens: ApiTokens, person: Account, name: str, value: object
) -> None:
    assert tokens.account(signed(claims_of(person, **{name: value}))) in (None, person)


def test_a_revoked_token_is_worthless(database: Database, tokens: ApiTokens, person: Account) -> None:
    revoked, kept = tokens.issue(person, "revoked").token, tokens.issue(person, "kept").token
    jti = jwt.decode(revoked, options={"verify_signature": False})["jti"]
    with database.write() as session:
        session.execute(update(ApiToken).where(ApiToken.jti == jti).values(revoked_at=now()))
    assert tokens.account(revoked) is None
    assert tokens.account(kept) == person


def test_a_token_of_ours_that_is_not_listed_is_worthless(
    database: Database, tokens: ApiTokens, person: Account
) -> None:
    token = tokens.issue(person, "deleted").token
    with database.write() as session:
        session.execute(delete(ApiToken))
    assert tokens.account(token) is None
    assert tokens.account(signed(claims_of(person, iss="chatapp", jti="0" * 32))) is None
    assert tokens.account(signed(claims_of(person, iss="chatapp"))) is None


def test_a_listed_token_is_its_user_s_alone(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    tokens.issue(person, "mine")
    with database.read() as session:
        jti = session.scalars(select(ApiToken.jti)).one()
    assert tokens.account(signed(claims_of(other, jti=jti))) is None


def test_a_disabled_user_s_tokens_are_worthless(
    database: Database, tokens: ApiTokens, person: Account, other: Account
) -> None:
    made = [tokens.issue(person, "ours").token, signed(claims_of(person))]
    by_email = signed(claims_of(person, sub="nobody", email=person.email))
    with database.write() as session:
        session.execute(update(User).where(User.id == person.id).values(disabled_at=now()))
    assert [tokens.account(each) for each in (*made, by_email)] == [None, None, None]
    assert tokens.account(signed(claims_of(other))) == other


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
        signed(claims_of(person, iat=False)),
    ]
    assert [tokens.account(each) for each in before] == [person] * len(before)
    accounts.set_password(person, "another good password")
    assert [tokens.account(each) for each in before] == [None] * len(before)
    with database.write() as session:  # as if it were a few seconds later
        session.execute(update(User).values(password_changed_at=now() - timedelta(seconds=5)))
    after = [
        tokens.issue(person, "new").token,
        signed(claims_of(person, iat=moment)),
        signed(claims_of(person, iat=moment, jti="elsewhere")),
    ]
    assert [tokens.account(each) for each in after] == [person] * len(after)


GARBAGE = ["", ".", "..", "...", "a.b.c", "é.é.é", "\0", "\ud800", "x" * 100_000, "eyJ9.eyJ9.", "e30.e30.e30"]


@pytest.mark.parametrize("token", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_nobody_s(tokens: ApiTokens, person: Account, token: str) -> None:
    assert tokens.account(token) is None


@pytest.mark.parametrize("claims", [[], "x", 5, None, b"", b"{", b"\xff", b"[" * 20_000])
def test_a_signed_body_that_is_no_object_is_nobody_s(tokens: ApiTokens, claims: object) -> None:
    assert tokens.account(signed(claims)) is None


class NoDatabase(Database):
    """Nothing that comes so far may be looked up."""

    def __init__(self) -> None:
        pass


@given(
    st.text()
    | st.tuples(st.binary(), st.binary()).map(lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.x")
)
@settings(deadline=None)
def test_no_garbage_surprises_it(token: str) -> None:
    assert ApiTokens(NoDatabase(), SECRET).account(token) is None
