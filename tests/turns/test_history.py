"""What a voice sees of what was said before: the exact messages that reach upstream, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatapp.turns.history import Exchange, Reply, seen_by
from chatapp.turns.new_turn import Further
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.voice import History, Voice
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    ReceivedRequest,
    Script,
    ScriptedUpstream,
    answer,
    chunk,
    delta,
    refuse,
)
from tests.turns.house import House, house

A, B, C = (Voice(key, key.upper(), "#000000", "", f"You are {key}.", model=f"model-{key}") for key in "abc")
EACH = pytest.mark.parametrize("history", list(History))
Said = list[tuple[str, str]]
FAILED: Script = refuse(401, "no")
CUT: Script = [STREAM_HEAD, chunk(delta("cut")), End.CLOSE]


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """Each voice answers with its key and the number of the question, as a1; a merge with `merged`."""
    with ScriptedUpstream(answering) as upstream:
        yield upstream


def answering(request: ReceivedRequest) -> Script:
    body = request.json()
    asked = body["messages"][-1]["content"]
    if "\n---\n" in asked:
        return answer("merged")
    return answer(f"{body['model'][-1]}{asked[1:]}")


@pytest.fixture
def here(database_url: str, tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[House]:
    with house(database_url, tmp_path / "data", upstream.base_url) as here:
        yield here


class Talk:
    """A conversation, asked q1, q2 and so on; what was sent for each voice is in `upstream`."""

    def __init__(self, here: House, upstream: ScriptedUpstream) -> None:
        self.here, self.upstream = here, upstream
        self.session_id: str | None = None
        self.asked = 0
        self.question_id = ""

    def ask(self, *voices: Voice) -> RunningTurn:
        self.asked += 1
        turn, _ = self.here.say(f"q{self.asked}", voices=voices, session_id=self.session_id)
        self.session_id = turn.session_id
        self.question_id = self.replies()[-1].parent_id
        return turn

    def again(self, *voices: Voice, is_merge: bool = False) -> RunningTurn:
        further = Further(self.question_id, is_merge)
        return self.here.say("", voices=voices, session_id=self.session_id, further=further)[0]

    def merge(self, voice: Voice) -> RunningTurn:
        return self.again(voice, is_merge=True)

    def replies(self) -> list[Any]:
        assert self.session_id is not None
        return self.here.replies(self.session_id)

    def newest(self, voice: Voice) -> Any:
        return [each for each in self.replies() if each.voice == voice.key and not each.is_merge][-1]

    def choose(self, message_id: str | None) -> None:
        assert self.session_id is not None
        self.here.conversations.change(self.here.account().id, self.session_id, {"goes_on_from": message_id})

    def sent_to(self, voice: Voice) -> Said:
        """What the last request for that voice held, the system prompt aside."""
        bodies = [each.json() for each in self.upstream.requests]
        body = [each for each in bodies if each["model"] == voice.model][-1]
        system, *rest = [(each["role"], each["content"]) for each in body["messages"]]
        assert system == ("system", voice.prompt)
        return rest

    def hears(self, voice: Voice) -> Said:
        """What that voice is sent with the next question."""
        self.ask(voice)
        return self.sent_to(voice)


@pytest.fixture
def talk(here: House, upstream: ScriptedUpstream) -> Talk:
    return Talk(here, upstream)


def user(text: str) -> tuple[str, str]:
    return "user", text


def own(text: str) -> tuple[str, str]:
    return "assistant", text


def told(voice: Voice, text: str, how: str = "answered") -> tuple[str, str]:
    return user(f"{voice.name} {how}:\n\n{text}")


def hearing(voice: Voice, history: History) -> Voice:
    return replace(voice, history=history)


@EACH
def test_one_voice_hears_itself_whatever_its_setting(talk: Talk, history: History) -> None:
    voice = hearing(A, history)
    assert talk.hears(voice) == [user("q1")]
    assert talk.hears(voice) == [user("q1"), own("a1"), user("q2")]
    assert talk.hears(voice) == [user("q1"), own("a1"), user("q2"), own("a2"), user("q3")]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, [own("b1")]),
        (History.BRANCH, [own("b1")]),
        (History.ALL, [told(A, "a1"), own("b1"), told(C, "c1")]),
    ],
)
def test_of_several_of_which_none_was_chosen(talk: Talk, history: History, seen: Said) -> None:
    talk.ask(A, B, C)
    assert talk.hears(hearing(B, history)) == [user("q1"), *seen, user("q2")]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, [own("b1")]),
        (History.BRANCH, [own("c1")]),
        (History.ALL, [told(A, "a1"), own("b1"), told(C, "c1")]),
    ],
)
def test_of_several_of_which_one_was_chosen(talk: Talk, history: History, seen: Said) -> None:
    talk.ask(A, B, C)
    talk.choose(talk.newest(C).id)
    assert talk.hears(hearing(B, history)) == [user("q1"), *seen, user("q2")]


@EACH
def test_a_choice_that_is_taken_back_is_none(talk: Talk, history: History) -> None:
    talk.ask(A, B)
    talk.choose(talk.newest(A).id)
    talk.choose(None)
    seen = [told(A, "a1"), own("b1")] if history is History.ALL else [own("b1")]
    assert talk.hears(hearing(B, history)) == [user("q1"), *seen, user("q2")]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, [own("a1")]),
        (History.BRANCH, [own("merged")]),
        (History.ALL, [own("a1"), told(B, "b1"), told(C, "merged", "merged all answers")]),
    ],
)
def test_a_merge_is_what_the_conversation_goes_on_from(talk: Talk, history: History, seen: Said) -> None:
    talk.ask(A, B)
    talk.merge(C)
    assert talk.hears(hearing(A, history)) == [user("q1"), *seen, user("q2")]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, []),
        (History.BRANCH, [own("a1")]),
        (History.ALL, [told(A, "a1"), told(B, "b1")]),
    ],
)
@pytest.mark.parametrize("chosen", [False, True])
def test_a_voice_that_was_not_asked_before(talk: Talk, history: History, seen: Said, chosen: bool) -> None:
    talk.ask(A, B)
    if chosen:
        talk.choose(talk.newest(A).id)
    assert talk.hears(hearing(C, history)) == [user("q1"), *seen, user("q2")]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, []),
        (History.BRANCH, [own("b1")]),
        (History.ALL, [told(B, "b1")]),
    ],
)
def test_a_reply_that_failed_without_a_word_is_not_told(talk: Talk, history: History, seen: Said) -> None:
    talk.upstream.by_model["model-a"] = FAILED
    talk.ask(A, B)
    del talk.upstream.by_model["model-a"]
    assert talk.hears(hearing(A, history)) == [user("q1"), *seen, user("q2")]


@EACH
def test_the_only_reply_failed_without_a_word(talk: Talk, history: History) -> None:
    talk.upstream.by_model["model-a"] = FAILED
    talk.ask(A)
    del talk.upstream.by_model["model-a"]
    assert talk.hears(hearing(A, history)) == [user("q1"), user("q2")]


@EACH
def test_a_reply_that_was_cut_off_is_told_as_far_as_it_came(talk: Talk, history: History) -> None:
    talk.upstream.by_model["model-a"] = CUT
    talk.ask(A, B)
    del talk.upstream.by_model["model-a"]
    seen = [own("cut"), told(B, "b1")] if history is History.ALL else [own("cut")]
    assert talk.hears(hearing(A, history)) == [user("q1"), *seen, user("q2")]


@EACH
@pytest.mark.parametrize("failing", [FAILED, CUT], ids=["failed", "cut"])
def test_a_try_that_failed_is_not_told_beside_the_one_that_did_not(
    talk: Talk, history: History, failing: Script
) -> None:
    talk.upstream.by_model["model-a"] = failing
    talk.ask(A, B)
    del talk.upstream.by_model["model-a"]
    talk.again(A)
    assert talk.sent_to(A) == [user("q1")], "asked again with the question, and without what it had said"
    seen = [own("a1"), told(B, "b1")] if history is History.ALL else [own("a1")]
    assert talk.hears(hearing(A, history)) == [user("q1"), *seen, user("q2")]


@EACH
def test_a_new_try_that_fails_leaves_the_text_that_there_was(talk: Talk, history: History) -> None:
    talk.ask(A, B)
    talk.upstream.by_model["model-a"] = FAILED
    talk.again(A)
    del talk.upstream.by_model["model-a"]
    seen = [own("a1"), told(B, "b1")] if history is History.ALL else [own("a1")]
    assert talk.hears(hearing(A, history)) == [user("q1"), *seen, user("q2")]


@pytest.mark.parametrize(("failing", "seen"), [(False, "a1 better"), (True, "a1")])
def test_a_chosen_voice_that_is_tried_again_stays_chosen(talk: Talk, failing: bool, seen: str) -> None:
    """Also where the new try fails: then by what it had said."""
    talk.ask(A, B)
    talk.choose(talk.newest(A).id)
    talk.upstream.by_model["model-a"] = FAILED if failing else answer("a1 better")
    talk.again(A)
    talk.upstream.by_model.clear()
    assert talk.hears(B) == [user("q1"), own(seen), user("q2")]


def test_another_voice_that_is_tried_again_leaves_the_choice(talk: Talk) -> None:
    talk.ask(A, B)
    talk.choose(talk.newest(A).id)
    talk.again(B)
    assert talk.hears(B) == [user("q1"), own("a1"), user("q2")]


def test_a_merge_that_fails_without_text_is_not_gone_on_from(talk: Talk) -> None:
    talk.ask(A, B)
    talk.upstream.by_model["model-c"] = FAILED
    talk.merge(C)
    talk.upstream.by_model.clear()
    assert talk.hears(B) == [user("q1"), own("b1"), user("q2")]


def test_a_second_merge_that_fails_without_text_leaves_the_first(talk: Talk) -> None:
    talk.ask(A, B)
    talk.merge(C)
    talk.upstream.by_model["model-c"] = FAILED
    talk.merge(C)
    talk.upstream.by_model.clear()
    assert talk.hears(B) == [user("q1"), own("merged"), user("q2")]


# How far back


LONG: Said = [user("q1"), own("a1"), user("q2"), own("a2"), user("q3"), own("a3")]


@EACH
@pytest.mark.parametrize("limit", [0, 1, 3, 40])
def test_so_many_messages_are_sent_along(
    database_url: str, tmp_path: Path, upstream: ScriptedUpstream, limit: int, history: History
) -> None:
    with house(
        database_url, tmp_path / "data", upstream.base_url, CHATAPP_HISTORY_MESSAGES=str(limit)
    ) as here:
        talk, voice = Talk(here, upstream), hearing(A, history)
        for _ in range(3):
            talk.ask(voice)
        assert talk.hears(voice) == [*(LONG[-limit:] if limit else []), user("q4")]


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(
    ("history", "seen"),
    [
        (History.OWN, [user("q1"), own("b1"), user("q2"), own("b2")]),
        (History.BRANCH, [user("q1"), own("a1"), user("q2"), own("b2")]),
        (
            History.ALL,
            [user("q1"), told(A, "a1"), own("b1"), user("q2"), told(A, "a2"), own("b2")],
        ),
    ],
)
def test_so_many_of_what_that_voice_sees(
    database_url: str,
    tmp_path: Path,
    upstream: ScriptedUpstream,
    limit: int,
    history: History,
    seen: Said,
) -> None:
    with house(
        database_url, tmp_path / "data", upstream.base_url, CHATAPP_HISTORY_MESSAGES=str(limit)
    ) as here:
        talk = Talk(here, upstream)
        talk.ask(A, B)
        talk.choose(talk.newest(A).id)
        talk.ask(A, B)
        assert talk.hears(hearing(B, history)) == [*(seen[-limit:] if limit else []), user("q3")]


def test_three_turns_deep_each_question_has_its_own_choice(talk: Talk) -> None:
    talk.ask(A, B)
    talk.choose(talk.newest(A).id)
    talk.ask(A, B)
    talk.ask(A, B)
    talk.merge(C)
    talk.ask(A, B)
    asked = [user(f"q{number}") for number in range(1, 5)]
    ends = [own("merged"), asked[3]]
    assert talk.sent_to(A) == [asked[0], own("a1"), asked[1], own("a2"), asked[2], *ends]
    assert talk.sent_to(B) == [asked[0], own("a1"), asked[1], own("b2"), asked[2], *ends]


def test_the_choice_of_one_question_is_none_of_the_next(talk: Talk) -> None:
    talk.ask(A, B)
    talk.choose(talk.newest(A).id)
    talk.ask(A, B)
    assert talk.session_id is not None
    found = talk.here.conversations.get(talk.here.account().id, talk.session_id)
    assert found.goes_on_from is None


def test_what_is_asked_again_hears_what_was_said_before_its_question_alone(talk: Talk) -> None:
    talk.ask(A, B)
    talk.ask(A, B)
    talk.again(B)
    assert talk.sent_to(B) == [user("q1"), own("b1"), user("q2")]


# What merges read


def test_a_merge_reads_the_question_and_every_reply_marked(talk: Talk) -> None:
    talk.ask(A)
    talk.ask(A, B)
    talk.merge(replace(C, model="model-c"))
    body = talk.upstream.requests[-1].json()
    system, *history, asked = body["messages"]
    assert history == [{"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}]
    assert asked == {
        "role": "user",
        "content": "q2\n\n---\n\n[@a] A answered:\n\na2\n\n[@b] B answered:\n\nb2",
    }
    assert system["content"].startswith("You are c.\n\nOther voices have answered the last message")
    assert "[@a]" in system["content"]


def test_a_merge_again_reads_the_replies_and_not_the_merge(talk: Talk) -> None:
    talk.ask(A, B)
    for _ in range(2):
        talk.merge(C)
    first, second = (each.json()["messages"] for each in talk.upstream.requests[-2:])
    assert first == second


def test_a_merge_reads_of_each_voice_what_counts(talk: Talk) -> None:
    talk.upstream.by_model["model-a"] = CUT
    talk.ask(A, B, C)
    talk.upstream.by_model = {"model-a": answer("whole"), "model-b": FAILED}
    talk.again(A)
    talk.again(B)
    talk.upstream.by_model.clear()
    talk.merge(C)
    asked = talk.upstream.requests[-1].json()["messages"][-1]["content"]
    assert asked.split("\n\n---\n\n")[1].split("\n\n") == [
        "[@a] A answered:",
        "whole",
        "[@b] B answered:",
        "b1",
        "[@c] C answered:",
        "c1",
    ]


def test_a_merge_keeps_what_it_read(talk: Talk) -> None:
    turn = talk.ask(A, B)
    talk.merge(C)
    merge = talk.replies()[-1]
    of = zip("ab", ("A", "B"), turn.generations, strict=True)
    assert merge.citations == [
        {"voice": key, "name": name, "message_id": each.message_id, "generation_id": each.id}
        for key, name, each in of
    ]


def test_what_all_voices_see_of_a_reply_is_held_once() -> None:
    """The cost of a message is foreseen for every voice that can be asked, which may be a hundred."""
    said = [Exchange("q", (Reply("1", "2", "other", "Other", "x" * 1000, is_merge=False),), None)]
    curious = replace(A, history=History.ALL)
    first, second = (seen_by(voice, said, 10)[1] for voice in (curious, replace(curious, key="another")))
    assert first["content"] == f"Other answered:\n\n{'x' * 1000}"
    assert first["content"] is second["content"]
