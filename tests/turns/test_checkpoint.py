"""What is saved while a reply is still being written."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.store.database import Database
from chatapp.turns.record import TextSoFar, TurnRecord
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, chunk, delta
from tests.turns.house import house, until


def test_running_replies_are_saved_within_about_a_second(database_url: str, tmp_path: Path) -> None:
    script: list[Step] = [STREAM_HEAD, chunk(delta("one ")), 1.2, chunk(delta("two")), End.HANG]
    with (
        ScriptedUpstream(script) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turns = [here.start() for _ in range(3)]
        for turn in turns:
            until(lambda turn=turn: here.replies(turn.session_id)[0].content == "one ")  # type: ignore[misc]
        for turn in turns:
            until(lambda turn=turn: here.replies(turn.session_id)[0].content == "one two")  # type: ignore[misc]
            assert here.replies(turn.session_id)[0].status == "streaming"


def test_an_addition_of_unknown_outcome_is_put_right(database_url: str, tmp_path: Path) -> None:
    """The connection was lost after COMMIT was sent: adding again would double the text."""
    with (
        ScriptedUpstream([STREAM_HEAD, End.HANG]) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn = here.start()
        message_id = turn.generations[0].message_id
        record = TurnRecord(here.database, "an owner")
        assert record.add([TextSoFar(message_id, 0, "añ🌍")])
        assert not record.add([TextSoFar(message_id, 0, "añ🌍b")]), "it is longer than the writer thinks"
        assert here.replies(turn.session_id)[0].content == "añ🌍"
        record.replace(message_id, "añ🌍b")
        assert here.replies(turn.session_id)[0].content == "añ🌍b"
        record.replace(message_id, "a")
        assert here.replies(turn.session_id)[0].content == "añ🌍b", "what is saved never shrinks"
        assert record.add([TextSoFar(message_id, 4, "c")])
        assert here.replies(turn.session_id)[0].content == "añ🌍bc"


def test_one_addition_of_many_that_does_not_fit_is_noticed(database_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream([STREAM_HEAD, End.HANG]) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        ids = [here.start().generations[0].message_id for _ in range(3)]
        record = TurnRecord(here.database, "an owner")
        assert record.add([TextSoFar(each, 0, "a") for each in ids])
        assert not record.add(
            [TextSoFar(each, saved, "b") for each, saved in zip(ids, (1, 0, 1), strict=True)]
        )


TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), max_size=5)


def test_any_text_is_added_exactly(database: Database, tmp_path: Path, database_url: str) -> None:
    """Both databases count characters as Python does, whatever the characters are."""
    with (
        ScriptedUpstream([STREAM_HEAD, End.HANG]) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn = here.start()
        message_id, record = turn.generations[0].message_id, TurnRecord(database, "an owner")
        saved = ""

        @settings(max_examples=50, deadline=None)
        @given(TEXTS)
        def adds(texts: list[str]) -> None:
            nonlocal saved
            for text in texts:
                assert record.add([TextSoFar(message_id, len(saved), text)])
                saved += text

        adds()
        assert here.replies(turn.session_id)[0].content == saved
