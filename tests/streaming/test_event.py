"""Events: what is told of them, and what is held."""

from __future__ import annotations

import pytest

from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.event import (
    Event,
    done,
    event_of,
    failure,
    snapshot,
    spoken_by,
    token,
    usage,
    voice_done,
)

TOLD = [
    token('a "word"'),
    usage(1, 2, None, "m"),
    failure("SERVER_ERROR", "No.", retryable=True, request_id="req_12345678"),
    voice_done("stop"),
]


@pytest.mark.parametrize("event", TOLD, ids=lambda event: event.name)
def test_a_voice_is_told_beside_what_it_says(event: Event) -> None:
    said = spoken_by("explorer", event)
    assert said.data == {**event.data, "voice": "explorer"}
    assert list(said.data)[-1] == "voice"
    assert "voice" not in event.data
    assert spoken_by("analyzer", said).data["voice"] == "analyzer"


@pytest.mark.parametrize(
    "event", [*TOLD, *(spoken_by("a", each) for each in TOLD), snapshot([]), done("stop")], ids=repr
)
def test_an_event_is_made_again_from_what_it_tells(event: Event) -> None:
    assert event_of(event.name, event.data) == event


def test_a_token_holds_its_text_and_no_dictionary_whoever_says_it() -> None:
    for held in (
        token("a"),
        spoken_by("explorer", token("a")),
        event_of("token", {"text": "a", "voice": "b"}),
    ):
        assert held.told == "a"


def test_a_token_of_a_voice_is_written_as_its_data() -> None:
    frame = EVENTS.frame(b"k3v9", 7, spoken_by("explorer", token('\n\u2028"')))
    assert frame == 'id: k3v9-7\nevent: token\ndata: {"text":"\\n\u2028\\"","voice":"explorer"}\n\n'.encode()
