"""The dialect of the streamed page with several voices: every block in its voice's place, once, whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from markupsafe import Markup

from chatapp.streaming.event import Event, done, failure, snapshot, spoken_by, token, voice_done
from chatapp.streaming.event_data import Standing
from chatapp.web.markdown.renderer import render
from chatapp.web.pages.live_voice import LiveVoice
from chatapp.web.pages.voices_dialect import VoicesDialect
from tests.web.markdown.hostile import assert_harmless, hostile_text
from tests.web.markdown.test_blocks import squeezed
from tests.web.pages.slotted import children

SLOTS = {"a": "v1", "b": "v2"}


def page() -> VoicesDialect:
    return VoicesDialect(
        {
            key: LiveVoice(slot, f"<{key}>", "2f6f8f", "model", key * 32, Markup("<form>again</form>"))
            for key, slot in SLOTS.items()
        }
    )


def says(voice: str, text: str) -> Event:
    return spoken_by(voice, token(text))


def ends(voice: str, reason: str = "stop") -> Event:
    return spoken_by(voice, voice_done(reason))


def fails(voice: str) -> Event:
    sentence = "It <failed>."
    return spoken_by(voice, failure("SERVER_ERROR", sentence, retryable=True, request_id="req_1"))


def stands(**texts: tuple[str, str]) -> Event:
    standings: list[Standing] = [
        {"generation_id": key * 32, "voice": key, "text": text, "status": status}
        for key, (text, status) in texts.items()
    ]
    return snapshot(standings)


def told(*events: Event, on: VoicesDialect | None = None) -> list[tuple[str, str]]:
    """The children that a page gets for these events: slot and inner HTML."""
    dialect = on or page()
    return children(b"".join(dialect.frame(b"log", 1, event) for event in events).decode())


def blocks(found: list[tuple[str, str]], voice: str) -> str:
    return "".join(html for slot, html in found if slot == SLOTS[voice])


def notes(found: list[tuple[str, str]], voice: str) -> list[str]:
    return [html for slot, html in found if slot == f"{SLOTS[voice]}-end"]


def test_blocks_go_to_their_voices_as_they_finish() -> None:
    found = told(says("a", "one\n\ntw"), says("b", "**uno**\n\n"), says("a", "o\n\nthr"))
    assert [(slot, squeezed(html)) for slot, html in found] == [
        ("label", "&lt;a&gt;"),
        ("v1", "<p>one</p>"),
        ("label", "&lt;b&gt;"),
        ("v2", "<p><strong>uno</strong></p>"),
        ("label", "&lt;a&gt;"),
        ("v1", "<p>two</p>"),
    ]


def test_a_voice_that_goes_on_is_named_once() -> None:
    slots = [
        slot
        for slot, _ in told(says("a", "one\n\ntwo\n\n"), says("b", "not a block yet"), says("a", "x\n\n"))
    ]
    assert slots == ["label", "v1", "v1", "v1"]


def test_an_end_takes_the_place_of_the_stop_button_and_of_the_dots() -> None:
    dialect = page()
    assert told(says("a", "the rest"), ends("a"), on=dialect)[1:] == [
        ("v1", "<p>the rest</p>\n"),
        ("v1-state", "Done"),
        ("v1-end", ""),
    ]
    assert told(says("b", "on and on\n\n"), on=dialect)[1:] == [("v2", "<p>on and on</p>\n")]


@pytest.mark.parametrize(
    ("reason", "state", "note"),
    [
        ("cancelled", "Stopped", "Stopped here."),
        ("length", "Done", "The answer reached its length limit."),
        ("content_filter", "Done", "The provider&#39;s content filter ended this answer."),
    ],
)
def test_how_a_voice_ended_is_said_under_it(reason: str, state: str, note: str) -> None:
    found = told(ends("b", reason))
    assert found[1:] == [("v2-state", state), ("v2-end", note)]


def test_a_failure_is_said_under_its_voice_and_it_can_be_asked_again_when_the_turn_is_over() -> None:
    dialect = page()
    early = told(says("a", "half a"), fails("a"), ends("a", "error"), on=dialect)
    assert early[1:] == [
        ("v1", "<p>half a</p>\n"),
        ("v1-end", "It &lt;failed&gt;."),
        ("v1-state", "Failed"),
        ("v1-end", ""),
    ]
    assert told(says("b", "fine"), ends("b"), on=dialect)[1:] == [
        ("v2", "<p>fine</p>\n"),
        ("v2-state", "Done"),
        ("v2-end", ""),
    ]
    assert told(done("stop"), on=dialect) == [("label", "&lt;a&gt;"), ("v1-end", "<form>again</form>")]


def test_a_turn_that_ended_is_told_from_its_snapshot() -> None:
    found = told(
        stands(a=("one\n\ntwo", "complete"), b=("uno", "partial")),
        ends("a"),
        fails("b"),
        ends("b", "error"),
        done("stop"),
    )
    assert (blocks(found, "a"), blocks(found, "b")) == ("<p>one</p>\n<p>two</p>\n", "<p>uno</p>\n")
    assert notes(found, "a") == [""]
    assert notes(found, "b") == ["It &lt;failed&gt;.", "", "<form>again</form>"]


def test_nothing_is_told_twice() -> None:
    dialect = page()
    told(says("a", "one"), ends("a"), says("b", "uno"), fails("b"), on=dialect)
    again = stands(a=("one", "complete"), b=("uno", "partial"))
    assert told(again, ends("a"), fails("b"), says("a", " more"), on=dialect) == []
    assert told(ends("b", "error"), ends("b", "error"), on=dialect)[-2:] == [
        ("v2-state", "Failed"),
        ("v2-end", ""),
    ]


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        ("complete", "Done", [""]),
        ("streaming", "Failed", ["", "<form>again</form>"]),
        ("cancelled", "Stopped", ["Stopped here.", "<form>again</form>"]),
        ("interrupted", "Failed", ["This answer is not whole.", "", "<form>again</form>"]),
    ],
)
def test_an_ending_that_left_the_log_is_that_of_the_snapshot(
    status: str, state: str, said: list[str]
) -> None:
    found = told(says("a", "one"), stands(a=("one", status), b=("", "streaming")), ends("b"), done("stop"))
    assert notes(found, "a") == said
    assert ("v1-state", state) in found


@given(
    some.text("ab \n", max_size=40),
    some.lists(some.tuples(some.booleans(), some.integers(0, 40)), max_size=6),
)
def test_a_page_that_goes_on_in_other_logs_has_every_text_once(
    text: str, moves: list[tuple[bool, int]]
) -> None:
    """Each move goes on from a snapshot that is behind what the page had, or ahead of it."""
    dialect, at, found = page(), 0, []
    for is_move, place in moves:
        to = min(place, len(text))
        if is_move:
            event = stands(a=(text[:to], "streaming"), b=("", "streaming"))
        else:
            to = max(at, to)
            event = says("a", text[at:to])
        found += told(event, on=dialect)
        at = to
    found += told(says("a", text[at:]), ends("a"), ends("b"), done("stop"), on=dialect)
    assert squeezed(blocks(found, "a")) == squeezed(render(text))
    assert blocks(found, "b") == ""


@given(some.lists(some.tuples(some.sampled_from("ab"), hostile_text()), max_size=6))
def test_no_text_leaves_its_place(pieces: list[tuple[str, str]]) -> None:
    found = told(*(says(voice, text) for voice, text in pieces), ends("a"), ends("b"), done("stop"))
    for slot, html in found:
        if slot in SLOTS.values():
            assert_harmless(html)


def test_what_keeps_the_line_open_belongs_to_nobody() -> None:
    assert children((page().opening("") + page().heartbeat(0)).decode()) == []
