"""The voices that somebody can ask: the built-in ones, the team's and their own, of which the nearest counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from chatapp.errors import Conflict, NotFound
from chatapp.store.account import User
from chatapp.store.database import Database
from chatapp.store.voice import VoiceRow
from chatapp.turns.built_in_voices import BUILT_IN, DEFAULT_VOICE
from chatapp.turns.voice import History, Scope, Voice

MOST_VOICES = 50
"""Of one person, and of the team."""
_TRIES = 3
_COLUMNS = (
    VoiceRow.owner_id,
    VoiceRow.key,
    VoiceRow.name,
    VoiceRow.colour,
    VoiceRow.description,
    VoiceRow.prompt,
    VoiceRow.model,
    VoiceRow.parameters,
    VoiceRow.history,
    VoiceRow.disabled,
)
_NEAR = select(*_COLUMNS).where(or_(VoiceRow.owner_id == bindparam("user_id"), VoiceRow.owner_id.is_(None)))


class VoiceExists(Conflict):
    """There is one with this key already."""

    code = "VOICE_EXISTS"

    def __init__(self) -> None:
        super().__init__("There is a voice with this key already. Change that one, or take another key.")


class TooManyVoices(Conflict):
    """There is no room for another one."""

    code = "TOO_MANY_VOICES"

    def __init__(self) -> None:
        super().__init__(f"There are {MOST_VOICES} voices already. Remove one first.")


class Voices:
    """Where a method names an owner, None is the team. Who may change the team's is for the caller to know."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def offered(self, user_id: str) -> dict[str, Voice]:
        """Everything that this user can ask, by key, in the order to show it in: disabled ones are left out."""
        return {key: voice for key, voice in self.known(user_id).items() if not voice.disabled}

    def known(self, user_id: str) -> dict[str, Voice]:
        """The same with those that are disabled."""
        with self._database.read() as connection:
            rows = connection.execute(_NEAR, {"user_id": user_id}).all()
        near = {voice.key: voice for voice in _team_first(map(_voice, rows))}
        return {**{key: near.get(key, voice) for key, voice in BUILT_IN.items()}, **near}

    def find(self, user_id: str, key: str) -> Voice:
        """The nearest voice of that key, disabled or not. Raises NotFound."""
        voice = self.known(user_id).get(key)
        if voice is None:
            raise NotFound
        return voice

    def made_by(self, owner_id: str | None) -> list[Voice]:
        """What was made there, by key."""
        query = select(*_COLUMNS).where(_of(owner_id)).order_by(VoiceRow.key)
        with self._database.read() as connection:
            return [_voice(row) for row in connection.execute(query)]

    def add(self, owner_id: str | None, voice: Voice) -> Voice:
        """Makes a voice. Raises VoiceExists, TooManyVoices."""
        try:
            with self._database.write() as connection:
                _one_after_the_other(connection, owner_id)
                _make_room(connection, owner_id, 1)
                connection.execute(insert(VoiceRow), _row(owner_id, voice))
        except IntegrityError:
            raise VoiceExists from None
        return _as_made_by(owner_id, voice)

    def change(self, owner_id: str | None, voice: Voice) -> Voice:
        """Puts `voice` in place of the one with its key. Raises NotFound."""
        same = _of(owner_id) & (VoiceRow.key == voice.key)
        with self._database.write() as connection:
            if not connection.execute(update(VoiceRow).where(same).values(_row(owner_id, voice))).rowcount:
                raise NotFound
        return _as_made_by(owner_id, voice)

    def remove(self, owner_id: str | None, key: str) -> None:
        """Removes a voice; what it said keeps its name and colour. Raises NotFound."""
        with self._database.write() as connection:
            if not connection.execute(delete(VoiceRow).where(_of(owner_id), VoiceRow.key == key)).rowcount:
                raise NotFound

    def put(self, owner_id: str | None, voices: Sequence[Voice]) -> None:
        """Makes all of these, in place of those that have the same keys: all, or none. Raises TooManyVoices, and
        VoiceExists where others go on making them at the same time."""
        for _ in range(_TRIES):
            try:
                self._put(owner_id, voices)
                return
            except IntegrityError:
                continue  # somebody has made one of them between our look and our row
        raise VoiceExists

    def _put(self, owner_id: str | None, voices: Sequence[Voice]) -> None:
        keys = [voice.key for voice in voices]
        with self._database.write() as connection:
            # First: who held the rows of voices, and waited for this, would wait for who holds this and makes one.
            _one_after_the_other(connection, owner_id)
            connection.execute(delete(VoiceRow).where(_of(owner_id), VoiceRow.key.in_(keys)))
            _make_room(connection, owner_id, len(keys))
            if voices:
                connection.execute(insert(VoiceRow), [_row(owner_id, voice) for voice in voices])


def default_voice(offered: Mapping[str, Voice]) -> Voice | None:
    """Who answers where nobody is named; None where nobody can be asked."""
    return offered.get(DEFAULT_VOICE.key) or next(iter(offered.values()), None)


def _team_first(voices: Iterable[Voice]) -> list[Voice]:
    return sorted(voices, key=lambda voice: (voice.scope is Scope.OWN, voice.key))


def _voice(row: Any) -> Voice:
    owner_id, *columns = row
    made = Voice(*columns)
    return replace(_as_made_by(owner_id, made), history=History(made.history))


def _as_made_by(owner_id: str | None, voice: Voice) -> Voice:
    return replace(voice, scope=Scope.TEAM if owner_id is None else Scope.OWN)


def _row(owner_id: str | None, voice: Voice) -> dict[str, Any]:
    columns = asdict(voice)
    del columns["scope"]
    return {**columns, "owner_id": owner_id, "history": voice.history.value}


def _of(owner_id: str | None) -> ColumnElement[bool]:
    return VoiceRow.owner_id.is_(None) if owner_id is None else VoiceRow.owner_id == owner_id


def _one_after_the_other(connection: Connection, owner_id: str | None) -> None:
    """Who makes several at once is counted one after the other, by their own row; the team has none, and its
    administrators are trusted not to race for a fifty-first."""
    connection.execute(select(User.id).where(User.id == owner_id).with_for_update(key_share=True))


def _make_room(connection: Connection, owner_id: str | None, more: int) -> None:
    there = connection.scalar(select(func.count()).select_from(VoiceRow).where(_of(owner_id))) or 0
    if there + more > MOST_VOICES:
        raise TooManyVoices
