"""Voices as they are kept: whose counts, limits, several people at once; and the built-in ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import combinations

import gevent
import pytest
from sqlalchemy import insert

from chatapp.accounts.account import Accounts
from chatapp.errors import Conflict, NotFound
from chatapp.store.database import Database
from chatapp.store.voice import VoiceRow
from chatapp.turns.built_in_voices import BUILT_IN, DEFAULT_VOICE
from chatapp.turns.voice import VOICE_KEY_PATTERN, History, Scope, Voice
from chatapp.turns.voices import MOST_VOICES, TooManyVoices, VoiceExists, Voices, default_voice
from chatapp.web.voice_body import DESCRIPTION_LENGTH, NAME_LENGTH, PROMPT_LENGTH

POET = Voice("poet", "Poet", "#7a3fa0", "Rhymes.", "Rhyme.\n🤖", model="m", parameters={"temperature": 0.5},
             history=History.ALL)  # fmt: skip


@pytest.fixture
def voices(database: Database) -> Voices:
    return Voices(database)


@pytest.fixture
def people(database: Database) -> tuple[str, str]:
    """Two people's ids."""
    accounts = Accounts(database)
    a, b = (accounts.create(f"{name}@example.org", "long enough").id for name in "ab")
    return a, b


def test_what_was_made_is_told_as_it_was(voices: Voices, people: tuple[str, str]) -> None:
    a, b = people
    assert voices.add(a, POET) == replace(POET, scope=Scope.OWN)
    (told,) = voices.made_by(a)
    assert (told, dict(told.parameters)) == (replace(POET, scope=Scope.OWN), {"temperature": 0.5})
    assert voices.find(a, "poet") == told
    assert voices.offered(a)["poet"] == told
    assert voices.made_by(None) == voices.made_by(b) == []
    with pytest.raises(NotFound):
        voices.find(b, "poet")


def test_the_nearest_counts(voices: Voices, people: tuple[str, str]) -> None:
    a, b = people
    for owner, name in ((None, "Ours"), (a, "Mine"), (b, "Theirs")):
        voices.add(owner, replace(POET, name=name))
        voices.add(owner, replace(POET, key="seeker", name=name))
    assert [voices.find(each, "poet").name for each in people] == ["Mine", "Theirs"]
    assert [voices.find(each, "seeker").scope for each in people] == [Scope.OWN, Scope.OWN]
    assert list(voices.known(a)) == [*BUILT_IN, "poet"], "one of the same key keeps the place"
    voices.change(a, replace(POET, disabled=True))
    assert "poet" not in voices.offered(a)
    assert voices.known(a)["poet"].disabled
    assert voices.offered(b)["poet"].name == "Theirs"
    for key, name in (("poet", "Ours"), ("seeker", "Ours")):
        voices.remove(a, key)
        assert voices.find(a, key).name == name
    voices.remove(None, "seeker")
    assert voices.find(a, "seeker") == BUILT_IN["seeker"]
    assert voices.find(b, "seeker").name == "Theirs"


def test_only_what_is_there_is_changed_or_removed(voices: Voices, people: tuple[str, str]) -> None:
    a, b = people
    voices.add(a, POET)
    for act in (lambda: voices.change(b, POET), lambda: voices.remove(b, "poet"), lambda: voices.remove(None, "poet"),
                lambda: voices.change(a, replace(POET, key="seeker")), lambda: voices.remove(a, "seeker")):  # fmt: skip
        with pytest.raises(NotFound):
            act()
    assert [each.name for each in voices.made_by(a)] == ["Poet"]


@pytest.mark.parametrize("for_team", [True, False])
def test_a_key_is_there_once(voices: Voices, people: tuple[str, str], for_team: bool) -> None:
    owner = None if for_team else people[0]
    voices.add(owner, POET)
    with pytest.raises(VoiceExists):
        voices.add(owner, replace(POET, name="Other"))
    assert [each.name for each in voices.made_by(owner)] == ["Poet"]
    voices.put(owner, [replace(POET, name="Other"), replace(POET, key="bard")])
    assert [(each.key, each.name) for each in voices.made_by(owner)] == [("bard", "Poet"), ("poet", "Other")]


@pytest.mark.parametrize("for_team", [True, False])
def test_there_is_an_end_to_them(voices: Voices, people: tuple[str, str], for_team: bool) -> None:
    owner = None if for_team else people[0]
    many = [replace(POET, key=f"v{number}") for number in range(MOST_VOICES)]
    voices.put(owner, many)
    with pytest.raises(TooManyVoices):
        voices.add(owner, POET)
    with pytest.raises(TooManyVoices):
        voices.put(owner, [replace(POET, key="v1", name="Other"), POET])
    assert {each.name for each in voices.made_by(owner)} == {"Poet"}, "all or nothing"
    voices.put(owner, [replace(each, name="Other") for each in many])
    assert {each.name for each in voices.made_by(owner)} == {"Other"}
    voices.add(people[1], POET)
    voices.put(owner, [])


def at_once(database_url: str, *acts: Callable[[Voices], object]) -> list[object]:
    """What each act comes to, on a database of its own, as in processes of their own."""
    databases = [Database(database_url) for _ in acts]
    work = [gevent.spawn(_come_to, act, Voices(each)) for act, each in zip(acts, databases, strict=True)]
    gevent.joinall(work, timeout=60, raise_error=True)
    for each in databases:
        each.close()
    return [each.value for each in work]


def _come_to(act: Callable[[Voices], object], voices: Voices) -> object:
    try:
        return act(voices)
    except Conflict as error:
        return type(error)


@pytest.mark.parametrize("for_team", [True, False])
def test_of_several_who_make_the_same_at_once_one_does(
    database_url: str, voices: Voices, people: tuple[str, str], for_team: bool
) -> None:
    owner = None if for_team else people[0]
    found = at_once(database_url, *[lambda kept: kept.add(owner, POET)] * 4)
    assert sorted(map(str, found)).count(str(VoiceExists)) == 3
    assert len(voices.made_by(owner)) == 1


def test_those_who_import_the_same_at_once_all_do(
    database_url: str, voices: Voices, people: tuple[str, str]
) -> None:
    acts = [lambda kept, name=name: kept.put(None, [replace(POET, name=name)]) for name in "ab"]
    assert at_once(database_url, *acts) == [None, None]
    assert [each.key for each in voices.made_by(None)] == ["poet"]


def test_an_import_replaces_what_somebody_is_just_making(
    database_url: str, database: Database, voices: Voices
) -> None:
    columns = {**asdict(POET), "history": "own", "name": "Just made", "owner_id": None}
    del columns["scope"]
    another = Database(database_url)
    with database.write() as connection:
        connection.execute(insert(VoiceRow), columns)
        importing = gevent.spawn(Voices(another).put, None, [POET])
        gevent.sleep(0.2)  # long enough for it to be in the middle of its transaction; right whenever it is
    importing.get(timeout=30)
    another.close()
    assert [each.name for each in voices.made_by(None)] == ["Poet"]


def test_a_race_does_not_pass_the_end(database_url: str, voices: Voices, people: tuple[str, str]) -> None:
    voices.put(people[0], [replace(POET, key=f"v{number}") for number in range(MOST_VOICES - 1)])
    acts = [lambda kept, key=key: kept.add(people[0], replace(POET, key=key)) for key in "abcd"]
    found = at_once(database_url, *acts)
    assert found.count(TooManyVoices) == 3
    assert len(voices.made_by(people[0])) == MOST_VOICES


def test_who_answers_where_nobody_is_named() -> None:
    assert default_voice(BUILT_IN) is DEFAULT_VOICE
    assert (
        default_voice({key: each for key, each in BUILT_IN.items() if key != "seeker"})
        is BUILT_IN["explorer"]
    )
    assert default_voice({}) is None


# The built-in ones


def test_the_built_in_ones_are_those_that_were_wanted() -> None:
    assert list(BUILT_IN) == ["seeker", "explorer", "maintainer", "analyzer", "developer", "implementor"]


@pytest.mark.parametrize("voice", BUILT_IN.values(), ids=list(BUILT_IN))
def test_a_built_in_one_is_as_any_other_may_be(voice: Voice) -> None:
    assert re.fullmatch(VOICE_KEY_PATTERN, voice.key)
    assert voice.name == voice.key.capitalize()
    assert len(voice.name) <= NAME_LENGTH
    assert re.fullmatch("#[0-9a-f]{6}", voice.colour)
    assert 0 < len(voice.description) <= DESCRIPTION_LENGTH
    assert 100 < len(voice.prompt) < PROMPT_LENGTH / 4, "short enough to be paid with each message"
    assert voice.prompt == voice.prompt.strip()
    assert voice.prompt.startswith(f"You are {voice.name}, ")
    assert (voice.model, dict(voice.parameters), voice.disabled) == (None, {}, False)
    assert (voice.history, voice.scope) == (History.BRANCH, Scope.BUILT_IN)


def sentences() -> Iterator[tuple[str, set[str]]]:
    for voice in BUILT_IN.values():
        text = voice.prompt.partition(". ")[2]
        yield voice.key, {each.strip() for each in text.split(".")} - {"", "Write short Markdown"}


def test_each_is_told_something_else_and_has_a_colour_of_its_own() -> None:
    for (one, told), (other, also) in combinations(sentences(), 2):
        assert not told & also, (one, other)
    for name in ("name", "colour", "description"):
        assert len({getattr(voice, name) for voice in BUILT_IN.values()}) == len(BUILT_IN)
