"""Stream tokens: one use, one stream, one minute; and who comes back with a spent one."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from chatapp.accounts.account import Account, Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.accounts.issuer import Issuer
from chatapp.accounts.stream_token import StreamTokenRefused, StreamTokens
from chatapp.errors import NotFound, Unauthorized
from chatapp.store.account import ApiToken, BrowserSession, User
from chatapp.store.base import now
from chatapp.store.conversation import Conversation, Generation, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.store.stream_token import StreamToken
from chatapp.streaming.position import another_epoch, new_log_id
from chatapp.turns.continued import new_session_id
from tests.accounts.conftest import SECRET
from tests.accounts.jwt_by_hand import claims_of, signed
from tests.turns.house import until

SECOND = timedelta(seconds=1)
MADE_UP = [
    None,
    "",
    "$",
    "+",
    "0-0",
    "1",
    "x" * 100_000,
    "a\r\nb-1",
    "' OR 1=1 --",
    "\0-1",
    "\ud800-1",
    "é-1",
    f"{'0' * 20}-1",
]


class RunningTurn:
    """A turn of somebody's as its rows tell it, with two voices; nothing answers it."""

    def __init__(self, database: Database, owner: Account) -> None:
        self.session_id, self.id, self.log_id = new_session_id(), new_id(), new_log_id()
        self.generation_id, self.other_id = new_id(), new_id()
        self._database = database
        with database.write() as connection:
            named = {"session_id": self.session_id, "user_id": owner.id}
            connection.execute(insert(Conversation).values(**named, title="T", voices=[]))
            values = {"content_digest": "", "request_id": "req_1", "owner_id": "", "status": "running"}
            connection.execute(insert(Turn).values(id=self.id, **named, log_id=self.log_id, **values))
            for each in (self.generation_id, self.other_id):
                reply = {"id": each, "turn_id": self.id, "voice": each[-8:], "model": "m"}
                connection.execute(insert(Generation).values(**reply, status="streaming"))

    @property
    def position(self) -> str:
        """A place that a reader of it has."""
        return f"{self.log_id}-3"

    def ended(self, ago: timedelta) -> None:
        with self._database.write() as connection:
            connection.execute(update(Turn).where(Turn.id == self.id).values(ended_at=now() - ago))

    def generation_ended(self, ago: timedelta) -> None:
        with self._database.write() as connection:
            mine = Generation.id == self.generation_id
            connection.execute(update(Generation).where(mine).values(ended_at=now() - ago))


@pytest.fixture
def stream_tokens(database: Database) -> StreamTokens:
    return StreamTokens(database)


@pytest.fixture
def turn(database: Database, person: Account) -> RunningTurn:
    return RunningTurn(database, person)


@pytest.fixture
def issuer(tokens: ApiTokens, person: Account) -> Issuer:
    return by_api_token(tokens, tokens.issue(person, "for a test").token)


def by_api_token(tokens: ApiTokens, token: str) -> Issuer:
    return tokens.read(token).issuer


def refusal(work: Callable[..., Any], *arguments: Any, **stream: str) -> str:
    """Why it was refused; it must be."""
    with pytest.raises(StreamTokenRefused) as caught:
        work(*arguments, **stream)
    assert caught.value.message == "Invalid or expired SSE token"
    assert (caught.value.status, caught.value.error_code) == (401, "UNAUTHORIZED")
    return caught.value.reason


def expire(database: Database, left: timedelta) -> None:
    """Every stream token has `left` to live."""
    with database.write() as connection:
        connection.execute(update(StreamToken).values(expires_at=now() + left))


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(StreamToken)) or 0


def test_a_token_opens_its_stream_once(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    for stream in ({"turn_id": turn.id}, {"generation_id": turn.generation_id}):
        token = stream_tokens.issue(person, issuer, **stream)
        assert stream_tokens.open(token, None, **stream) == person
        assert refusal(stream_tokens.open, token, None, **stream) == "spent"


def test_a_token_is_32_random_bytes_of_which_the_hash_is_kept(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    made = {stream_tokens.issue(person, issuer, turn_id=turn.id) for _ in range(5)}
    assert len(made) == 5
    assert {len(base64.urlsafe_b64decode(each + "=")) for each in made} == {32}
    with database.read() as connection:
        rows = connection.execute(select(StreamToken)).all()
    for row in rows:
        assert not [each for each in made if each in str(tuple(row))]
        assert refusal(stream_tokens.open, row.token_hash, None, turn_id=turn.id) == "unknown"
        assert row.expires_at - row.created_at == 60 * SECOND


def test_a_token_opens_no_other_stream_and_is_not_spent_by_trying(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    another = RunningTurn(database, person)
    streams = [
        {"turn_id": turn.id},
        {"generation_id": turn.generation_id},
        {"generation_id": turn.other_id},
        {"turn_id": another.id},
        {"generation_id": another.generation_id},
        {"turn_id": "0" * 32},
        {"generation_id": "0" * 32},
    ]
    for mine in streams[:2]:
        token = stream_tokens.issue(person, issuer, **mine)
        for stream in streams:
            if stream != mine:
                assert refusal(stream_tokens.open, token, None, **stream) == "of another stream"
                assert refusal(stream_tokens.open, token, turn.position, **stream) == "of another stream"
        assert stream_tokens.open(token, None, **mine) == person
        for stream in streams:
            if stream != mine:
                assert refusal(stream_tokens.open, token, turn.position, **stream) == "of another stream"


def test_made_up_tokens_open_nothing(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    stream_tokens.issue(person, issuer, turn_id=turn.id)
    for token in ("", "x", "\0", "\ud800", "' OR 1=1 --", "é", "x" * 100_000):
        assert refusal(stream_tokens.open, token, turn.position, turn_id=turn.id) == "unknown"


def test_an_unspent_token_lives_a_minute_with_a_position_or_without(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    late, early = (stream_tokens.issue(person, issuer, turn_id=turn.id) for _ in range(2))
    expire(database, 5 * SECOND)
    assert stream_tokens.open(early, turn.position, turn_id=turn.id) == person
    expire(database, -SECOND)
    for position in (None, turn.position):
        assert refusal(stream_tokens.open, late, position, turn_id=turn.id) == "expired"
    assert stream_tokens.open(early, turn.position, turn_id=turn.id) == person, (
        "it is spent, and no longer bound to it"
    )


class WatchedDatabase(Database):
    """Says how often something was looked up in it."""

    looks = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with super().read() as connection:
            yield connection
        self.looks += 1


def test_a_hundred_at_once_are_one(
    database_url: str, database: Database, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    """From several processes, as far as the database can tell; all have seen it unspent before one may spend it."""
    doors = [WatchedDatabase(database_url) for _ in range(4)]
    token = StreamTokens(database).issue(person, issuer, turn_id=turn.id)

    def attempt(number: int) -> bool:
        try:
            return StreamTokens(doors[number % 4]).open(token, None, turn_id=turn.id) == person
        except StreamTokenRefused as refused:
            assert refused.reason == "spent"
            return False

    with database.write() as holding:
        holding.execute(select(StreamToken).with_for_update())
        attempts = [gevent.spawn(attempt, number) for number in range(100)]
        until(lambda: sum(door.looks for door in doors) >= 40)
    gevent.joinall(attempts, timeout=60, raise_error=True)
    assert sorted(each.get() for each in attempts) == [False] * 99 + [True]
    for door in doors:
        door.close()


def test_a_spent_token_is_taken_again_from_who_was_there(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    token = stream_tokens.issue(person, issuer, generation_id=turn.generation_id)
    stream_tokens.open(token, None, generation_id=turn.generation_id)
    for position in (turn.position, f"{turn.log_id}-0", f"{another_epoch(turn.log_id)}-999999999999"):
        for _ in range(3):
            assert stream_tokens.open(token, position, generation_id=turn.generation_id) == person


def test_who_comes_back_does_not_spend_another_s(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    token = stream_tokens.issue(person, issuer, turn_id=turn.id)
    stream_tokens.open(token, None, turn_id=turn.id)
    with database.read() as connection:
        spent_at = connection.scalar(select(StreamToken.spent_at))
    stream_tokens.open(token, turn.position, turn_id=turn.id)
    with database.read() as connection:
        assert connection.scalar(select(StreamToken.spent_at)) == spent_at


def test_a_spent_token_with_a_made_up_position_is_refused(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    token = stream_tokens.issue(person, issuer, turn_id=turn.id)
    stream_tokens.open(token, None, turn_id=turn.id)
    another = RunningTurn(database, person)
    nearly = [
        turn.log_id,
        f"{turn.log_id}-",
        f"{turn.log_id[:-1]}-3",
        f"{turn.log_id}0-3",
        f"-{turn.position}",
    ]
    for position in (*MADE_UP, *nearly, another.position, f"{turn.id}-1", f"{turn.position}\n"):
        assert refusal(stream_tokens.open, token, position, turn_id=turn.id) == "spent"


def test_a_position_is_no_key_by_itself(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    stream_tokens.issue(person, issuer, turn_id=turn.id)
    assert refusal(stream_tokens.open, "", turn.position, turn_id=turn.id) == "unknown"
    assert refusal(stream_tokens.open, turn.log_id, turn.position, turn_id=turn.id) == "unknown"


def test_a_minute_after_the_end_nobody_comes_back(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    streams = [{"turn_id": turn.id}, {"generation_id": turn.generation_id}]
    tokens = [stream_tokens.issue(person, issuer, **stream) for stream in streams]
    for token, stream in zip(tokens, streams, strict=True):
        stream_tokens.open(token, None, **stream)
    turn.ended(50 * SECOND)
    for token, stream in zip(tokens, streams, strict=True):
        assert stream_tokens.open(token, turn.position, **stream) == person
    turn.ended(61 * SECOND)
    for token, stream in zip(tokens, streams, strict=True):
        assert refusal(stream_tokens.open, token, turn.position, **stream) == "spent"
    fresh = stream_tokens.issue(person, issuer, turn_id=turn.id)
    assert stream_tokens.open(fresh, turn.position, turn_id=turn.id) == person, (
        "unspent, it opens what has ended too"
    )


def test_a_generation_s_end_counts_for_its_own_token_alone(
    stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    streams = [{"generation_id": turn.generation_id}, {"turn_id": turn.id}, {"generation_id": turn.other_id}]
    tokens = [stream_tokens.issue(person, issuer, **stream) for stream in streams]
    for token, stream in zip(tokens, streams, strict=True):
        stream_tokens.open(token, None, **stream)
    turn.generation_ended(61 * SECOND)
    assert refusal(stream_tokens.open, tokens[0], turn.position, **streams[0]) == "spent"
    for token, stream in zip(tokens[1:], streams[1:], strict=True):
        assert stream_tokens.open(token, turn.position, **stream) == person


class Ends:
    """The ways in which what somebody has signed in with comes to its end."""

    def __init__(self, database: Database, account: Account, session_id: str) -> None:
        self._database = database
        self._account = account
        self._session_id = session_id

    def sign_out(self) -> None:
        BrowserSessions(self._database).end(self._session_id)

    def session_expires(self) -> None:
        self._update(update(BrowserSession).values(expires_at=now() - SECOND))

    def password_changes(self) -> None:
        Accounts(self._database).set_password(self._account, "another long password")

    def user_is_disabled(self) -> None:
        self._update(update(User).where(User.id == self._account.id).values(disabled_at=now()))

    def api_token_is_revoked(self) -> None:
        # By a machine whose clock is ahead, too.
        self._update(update(ApiToken).values(revoked_at=now() + 60 * SECOND))

    def api_token_expires(self) -> None:
        self._update(update(ApiToken).values(expires_at=now() - SECOND))

    def api_token_is_removed(self) -> None:
        self._update(delete(ApiToken))

    def claims_expire(self) -> None:
        self._update(update(StreamToken).values(issuer_expires_at=now() - SECOND))

    def _update(self, statement: Any) -> None:
        with self._database.write() as connection:
            connection.execute(statement)


ALL = [Ends.password_changes, Ends.user_is_disabled]
WAYS = {
    "session": [Ends.sign_out, Ends.session_expires, *ALL],
    "api token": [Ends.api_token_is_revoked, Ends.api_token_expires, Ends.api_token_is_removed, *ALL],
    "minted elsewhere": [Ends.claims_expire, *ALL],
}


@pytest.mark.parametrize("kind", WAYS)
def test_a_token_dies_with_what_asked_for_it(
    database: Database, stream_tokens: StreamTokens, accounts: Accounts, kind: str
) -> None:
    """Unspent, and spent with a position."""
    for number, way in enumerate(WAYS[kind]):
        account = accounts.create(f"{number}@example.org", "long enough")
        turn, (issuer, ends) = RunningTurn(database, account), signed_in(database, account, kind)
        unspent, spent = (stream_tokens.issue(account, issuer, turn_id=turn.id) for _ in range(2))
        stream_tokens.open(spent, None, turn_id=turn.id)
        stream_tokens.open(spent, turn.position, turn_id=turn.id)
        way(ends)
        for token, position in ((unspent, None), (unspent, turn.position), (spent, turn.position)):
            reason = refusal(stream_tokens.open, token, position, turn_id=turn.id)
            assert reason in ("its issuer has ended", "unknown"), way


def signed_in(database: Database, account: Account, kind: str) -> tuple[Issuer, Ends]:
    session_id = BrowserSessions(database).create(account, {})
    tokens = ApiTokens(database, SECRET)
    if kind == "session":
        found = BrowserSessions(database).find(session_id)
        assert found is not None
        issuer = found.issuer
    elif kind == "api token":
        issuer = by_api_token(tokens, tokens.issue(account, "for a test").token)
    else:
        issuer = by_api_token(tokens, signed(claims_of(account, iat=time.time())))
    tokens.stop()
    named = (issuer.session_hash is not None, issuer.jti is not None)
    assert named == (kind == "session", kind == "api token")
    return issuer, Ends(database, account, session_id)


def test_a_token_minted_elsewhere_ends_when_it_says(
    database: Database, stream_tokens: StreamTokens, person: Account, tokens: ApiTokens, turn: RunningTurn
) -> None:
    end = int(time.time()) + 30
    stream_tokens.issue(person, by_api_token(tokens, signed(claims_of(person, exp=end))), turn_id=turn.id)
    with database.read() as connection:
        row = connection.execute(select(StreamToken)).one()
    assert row.issuer_expires_at == datetime.fromtimestamp(end, UTC)
    assert (row.session_hash, row.jti) == (None, None)


def test_an_end_that_no_database_can_hold_is_far_away(
    stream_tokens: StreamTokens, person: Account, tokens: ApiTokens, turn: RunningTurn
) -> None:
    for end in (10**11, 10**30, 1e30):
        issuer = by_api_token(tokens, signed(claims_of(person, exp=end)))
        token = stream_tokens.issue(person, issuer, turn_id=turn.id)
        assert stream_tokens.open(token, None, turn_id=turn.id) == person


def test_only_one_s_own_streams_can_be_asked_for(
    stream_tokens: StreamTokens, other: Account, issuer: Issuer, turn: RunningTurn, database: Database
) -> None:
    for stream in (
        {"turn_id": turn.id},
        {"generation_id": turn.generation_id},
        {"turn_id": "0" * 32},
        {"generation_id": "0" * 32},
        {"turn_id": turn.generation_id},
        {"generation_id": turn.id},
    ):
        with pytest.raises(NotFound):
            stream_tokens.issue(other, issuer, **stream)
    assert count(database) == 0


def test_who_is_out_meanwhile_gets_none(
    database: Database,
    stream_tokens: StreamTokens,
    accounts: Accounts,
    sessions: BrowserSessions,
    person: Account,
    issuer: Issuer,
    turn: RunningTurn,
) -> None:
    """Between the look at who asks and the row, somebody signs out, or changes the password."""
    session_id = sessions.create(person, {})
    found = sessions.find(session_id)
    assert found is not None
    sessions.end(session_id)
    with pytest.raises(Unauthorized):
        stream_tokens.issue(person, found.issuer, turn_id=turn.id)
    accounts.set_password(person, "another long password")
    with pytest.raises(Unauthorized):
        stream_tokens.issue(person, issuer, turn_id=turn.id)
    assert count(database) == 0


def test_a_conversation_takes_its_tokens_with_it(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    token = stream_tokens.issue(person, issuer, turn_id=turn.id)
    with database.write() as connection:
        connection.execute(delete(Conversation))
    assert refusal(stream_tokens.open, token, turn.position, turn_id=turn.id) == "unknown"


def test_rows_of_yesterday_go_with_a_later_issue(
    database: Database, stream_tokens: StreamTokens, person: Account, issuer: Issuer, turn: RunningTurn
) -> None:
    hour = timedelta(hours=1)
    for age in (25 * hour, 24 * hour + SECOND, 23 * hour):
        token = stream_tokens.issue(person, issuer, turn_id=turn.id)
        stream_tokens.open(token, None, turn_id=turn.id)
        with database.write() as connection:
            aged = {"created_at": now() - age, "expires_at": now() - age + 60 * SECOND}
            young = StreamToken.created_at > now() - hour
            connection.execute(update(StreamToken).where(young).values(aged))
    assert stream_tokens.open(token, turn.position, turn_id=turn.id) == person
    stream_tokens.issue(person, issuer, turn_id=turn.id)
    assert count(database) == 2
