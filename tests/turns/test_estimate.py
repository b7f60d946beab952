"""Estimates: what would be sent, counted before it is, and its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatapp.errors import NotFound
from chatapp.turns.built_in_voices import BUILT_IN, SEEKER
from chatapp.turns.estimate import Estimate, sum_of, tokens_of
from chatapp.turns.new_turn import NewTurn
from chatapp.turns.voice import History, Voice
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.turns.house import House, house

A, B = (Voice(key, key.upper(), "#000000", "", f"You are {key}.", model=f"model-{key}") for key in "ab")
PRICES = '[models."model-a"]\nin = 1000000\nout = 2\n[models."m"]\nin = 3\nout = 4\n'
OF_EACH_MESSAGE = 4


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(answer("an answer of", " thirty characters")) as upstream:
        yield upstream


@pytest.fixture
def here(database_url: str, tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[House]:
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    with house(
        database_url,
        tmp_path / "data",
        upstream.base_url,
        CHATAPP_PRICES=str(prices),
        CHATAPP_MAX_OUTPUT_TOKENS="1000",
        CHATAPP_HISTORY_MESSAGES="3",
    ) as here:
        yield here


def estimated(here: House, message: str, voices: Sequence[Voice] = (A,), **values: Any) -> list[Estimate]:
    given: dict[str, Any] = {"user_id": here.account().id, "request_id": "req_12345678", **values}
    return list(here.answering.estimates.of(NewTurn(message=message, voices=tuple(voices), **given)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("Grüße, mein Freund", 5),
        ("日本語", 3),
        ("привет", 6),
        ("ok 👍", 4),
        ("\ud800", 1),
    ],
)
def test_how_many_tokens_a_text_makes(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_what_would_be_sent_is_what_is_sent(here: House, upstream: ScriptedUpstream) -> None:
    """For each voice its own: the prompts, what it sees of what was said, and the message."""
    voices = (A, Voice("b", "B", "#000000", "", "You are b.", model="model-b", history=History.ALL))
    session_id = here.say("first", voices=voices)[0].session_id
    here.say("second", voices=voices, session_id=session_id)
    foreseen = estimated(here, "third", voices, session_id=session_id)
    here.say("third", voices=voices, session_id=session_id)
    sent = {each.json()["model"]: each.json()["messages"] for each in upstream.requests[-2:]}
    for each in foreseen:
        messages = sent[each.model]
        assert each.tokens_in == sum(tokens_of(told["content"]) + OF_EACH_MESSAGE for told in messages)
    assert len(sent["model-a"]) == len(sent["model-b"]) == 5


def test_the_cost_is_that_of_the_tokens_in_and_of_the_longest_answer(here: House) -> None:
    [first] = estimated(here, "12345678")
    assert first.tokens_in == tokens_of("You are a.") + 2 + 2 * OF_EACH_MESSAGE == 13
    assert (first.voice, first.model, first.tokens_out_at_most) == (A, "model-a", 1000)
    assert (first.cost_usd_at_most, first.further_usd) == (13.002, 1.0)
    [longer] = estimated(here, "123456789")
    assert longer.cost_usd_at_most == 14.002


@pytest.mark.parametrize(("own", "most"), [(10, 10), (5000, 1000)])
def test_a_voice_s_own_bound_counts_within_the_server_s(here: House, own: int, most: int) -> None:
    voice = Voice("a", "A", "#000000", "", "", parameters={"max_output_tokens": own})
    assert estimated(here, "Hi", [voice])[0].tokens_out_at_most == most


def test_the_model_is_the_one_that_would_answer(here: House) -> None:
    plain = Voice("c", "C", "#000000", "", "")
    assert [each.model for each in estimated(here, "Hi", [A, plain])] == ["model-a", "m"]
    assert [each.model for each in estimated(here, "Hi", [A, plain], model="x")] == ["x", "x"]
    session_id = here.say("Hi", voices=(plain,), model="its-own")[0].session_id
    assert estimated(here, "Hi", [plain], session_id=session_id)[0].model == "its-own"


def test_a_price_that_is_not_known_is_not_nothing(here: House) -> None:
    costs = [each.cost_usd_at_most for each in estimated(here, "Hi", [A, B])]
    assert costs[0] is not None
    assert costs[1] is None
    assert sum_of(costs) is None
    assert sum_of([0.1, 0.2]) == pytest.approx(0.3)


def test_nothing_is_posted_and_nobody_called(here: House, upstream: ScriptedUpstream) -> None:
    missing = "session-20250819-143022-a1b2"
    assert estimated(here, "Hi", session_id=missing) == estimated(here, "Hi")
    turn, _ = here.begin("Hi", voices=(A,))
    assert estimated(here, "And?", session_id=turn.session_id), "also while it answers"
    rows = here.conversations.list(here.account().id, 10)
    assert [row.session_id for row in rows] == [turn.session_id]
    assert len(here.conversations.messages(here.account().id, turn.session_id, 10)) == 2
    assert upstream.requests == []


def test_somebody_else_s_conversation_is_missing(here: House) -> None:
    turn, _ = here.say("Hi")
    other = here.accounts.create("b@example.org", "long enough")
    with pytest.raises(NotFound):
        estimated(here, "Mine?", session_id=turn.session_id, user_id=other.id)


def test_the_built_in_voices_cost_much_the_same(here: House) -> None:
    """None of them is dear by its prompt."""
    sizes = [each.tokens_in for each in estimated(here, "Hi", [*BUILT_IN.values()])]
    assert max(sizes) < 2 * estimated(here, "Hi", [SEEKER])[0].tokens_in
