"""Exchanges on the conversation page: what belongs together, what is marked, what can be done, page by page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.turns.continued import new_session_id
from chatapp.web.pages.chat_page import MESSAGES
from tests.web.conftest import Person, parts_of, signed_in
from tests.web.pages.visit import page_of

_ARTICLE = re.compile(r'<article class="([^"]*)"[^>]*? data-message-id="([^"]+)"')


class Told:
    """A conversation that a test tells message by message, as if it had been answered long ago."""

    def __init__(self, app: Flask, person: Person) -> None:
        self.app = app
        self.session_id = new_session_id()
        self.path = f"/c/{self.session_id}"
        conversation = {"session_id": self.session_id, "user_id": person.id, "title": "Told", "voices": []}
        self._insert(Conversation, conversation)
        self._person = person
        self._turn = ""
        self.generations: dict[str, str] = {}

    def ask(self, message: str = "Why?", follows: str | None = None) -> str:
        self.begin_turn()
        return self._say(parent_id=follows, role="user", content=message)

    def begin_turn(self) -> str:
        """What is told from here on is of another turn; its id."""
        self._turn = new_id()
        turn = {
            "id": self._turn,
            "session_id": self.session_id,
            "user_id": self._person.id,
            "status": "ended",
        }
        known = {"log_id": new_log_id(), "content_digest": "0" * 64, "request_id": f"req_{self._turn}"}
        self._insert(Turn, {**turn, **known, "owner_id": "0" * 32})
        return self._turn

    def reply(self, question: str, voice: str, content: str = "Because.", **values: Any) -> str:
        """Its message's id; the generation's is in `generations`."""
        generation_id = new_id()
        name = {
            "voice": voice,
            "voice_name": voice.capitalize(),
            "voice_colour": "#8a5a00",
            "model": "gpt-4o",
        }
        ended = {"status": "complete", "finish_reason": "stop"}
        self._insert(
            Generation,
            {"id": generation_id, "turn_id": self._turn, **name, **ended, "is_merge": False, **values},
        )
        said = {"parent_id": question, "role": "assistant", "content": content}
        message_id = self._say(generation_id=generation_id, **said)
        self.generations[message_id] = generation_id
        return message_id

    def go_on_from(self, message_id: str) -> None:
        parts_of(self.app).conversations.change(
            self._person.id, self.session_id, {"goes_on_from": message_id}
        )

    def _say(self, **values: Any) -> str:
        message_id = new_id()
        self._insert(
            Message, {"id": message_id, "session_id": self.session_id, "turn_id": self._turn, **values}
        )
        return message_id

    def _insert(self, model: Any, row: dict[str, Any]) -> None:
        with parts_of(self.app).database.write() as connection:
            connection.execute(insert(model), row)


@pytest.fixture
def told(app: Flask, person: Person) -> Told:
    return Told(app, person)


def article(page: str, message_id: str) -> str:
    """One message's markup."""
    begin = page.rindex("<article", 0, page.index(f'data-message-id="{message_id}"'))
    return page[begin : page.index("</article>", begin)]


def shown(page: str) -> dict[str, str]:
    """The classes of each message on the page, by its id, in their order."""
    return {message_id: classes for classes, message_id in _ARTICLE.findall(page)}


def test_one_reply_has_the_full_measure_and_nothing_to_choose(told: Told, browser: FlaskClient) -> None:
    question = told.ask()
    reply = told.reply(question, "explorer")
    page = page_of(browser.get(told.path))
    assert shown(page) == {question: "message message-own", reply: "message message-reply"}
    assert 'class="voices"' not in page.partition("<template")[0]
    assert "/choose" not in page
    assert "/merge" not in page
    assert "The conversation goes on from here" not in page
    assert ">Explorer</h2>" in article(page, reply)


def test_several_stand_side_by_side_each_with_its_name_colour_and_state(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    told.reply(question, "seeker", voice_name="The *Seeker*", voice_colour="#2f6f8f")
    told.reply(question, "explorer", "", status="error", finish_reason="error", error_message="It failed.")
    told.reply(question, "analyzer", "Bec", status="cancelled", finish_reason="cancelled")
    page = page_of(browser.get(told.path))
    row = page[page.index('class="voices"') : page.index('class="exchange-foot"')]
    assert re.findall(r'data-voice="(\w+)" data-colour="(\w+)" data-state="(\w+)"', row) == [
        ("seeker", "2f6f8f", "Done"),
        ("explorer", "8a5a00", "Failed"),
        ("analyzer", "8a5a00", "Stopped"),
    ]
    assert ">The *Seeker*</h2>" in row
    assert "It failed." in row
    assert row.count(">Stopped here.<") == 1
    [sheet] = re.findall(r'/colours/([0-9a-f-]+)\.css"', page)
    assert {"2f6f8f", "8a5a00"} <= set(sheet.split("-"))
    tabs = re.findall(r'<a href="#reply-(\w+)"', page)
    assert tabs == re.findall(r'id="reply-(\w+)"', row)


def test_what_can_be_done_is_offered_at_the_newest_exchange_alone(told: Told, browser: FlaskClient) -> None:
    for _ in range(2):
        question = told.ask()
        whole = told.reply(question, "seeker")
        failed = told.reply(question, "explorer", "half", status="partial", finish_reason="error")
        empty = told.reply(question, "analyzer", "", status="error", finish_reason="error")
    page = page_of(browser.get(told.path))
    assert page.count("/merge") == 1
    assert [
        ("/again" in article(page, each), "/choose" in article(page, each)) for each in (whole, failed, empty)
    ] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert page.count("/choose") == 2
    assert page.count("/again") == 3  # and one for both of them


def test_of_each_voice_the_newest_try_is_shown_and_the_earlier_ones_folded_away(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    tries = [told.reply(question, "explorer", "half", status="partial", finish_reason="error")]
    other = told.reply(question, "seeker")
    for text in ("", "whole"):
        told.begin_turn()
        status = {"status": "complete"} if text else {"status": "error", "finish_reason": "error"}
        tries.append(told.reply(question, "explorer", text, **status))
    page = page_of(browser.get(told.path))
    assert list(shown(page))[:5] == [question, tries[2], tries[0], tries[1], other]
    row = page[page.index('class="voices"') : page.index('class="exchange-foot"')]
    assert row.count('class="message message-reply voice') == 2
    assert re.findall(r"<summary>([^<]+)</summary>", row) == ["Earlier try: failed", "Earlier try: failed"]


def test_an_earlier_try_with_text_can_be_chosen_while_the_newest_has_none(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    told.reply(question, "seeker")
    told.reply(question, "explorer", "half", status="partial", finish_reason="error")
    told.begin_turn()
    told.reply(question, "explorer", "", status="error", finish_reason="error")
    assert "Answer further with the earlier try" in page_of(browser.get(told.path))


def test_a_merge_stands_below_and_says_that_the_conversation_goes_on_from_it(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    for voice in ("seeker", "explorer"):
        told.reply(question, voice)
    told.begin_turn()
    merge = told.reply(question, "seeker", "Both.", is_merge=True)
    told.go_on_from(merge)
    page = page_of(browser.get(told.path))
    assert shown(page)[merge] == "message message-reply message-merge"
    assert page.index('class="voices"') < page.index(merge)
    assert ">Merged by Seeker</h2>" in article(page, merge)
    assert "The conversation goes on from here." in article(page, merge)
    assert page.count("The conversation goes on from here.") == 1
    assert "Merge the answers again" in page


def test_the_choice_of_an_older_exchange_is_what_the_next_question_follows(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    told.reply(question, "seeker")
    chosen = told.reply(question, "explorer")
    following = told.ask("And then?", follows=chosen)
    last = told.reply(following, "seeker")
    for path in (told.path, f"{told.path}?before={following}"):
        page = page_of(browser.get(path))
        assert "The conversation goes on from here." in article(page, chosen)
        assert page.count("The conversation goes on from here.") == 1
        assert "/choose" not in page
    assert last not in page


def test_while_a_voice_is_tried_again_nothing_else_is_offered(told: Told, browser: FlaskClient) -> None:
    question = told.ask()
    told.reply(question, "seeker")
    told.reply(question, "explorer", "half", status="partial", finish_reason="error")
    told.begin_turn()
    again = told.reply(question, "explorer", "so far", status="streaming", finish_reason=None)
    page = page_of(browser.get(told.path))
    assert 'data-state="Writing"' in article(page, again)
    assert f'action="/replies/{told.generations[again]}/stop"' in page
    assert not re.search(r"/(again|choose|merge)\"", page.partition("<template")[0])


@pytest.mark.parametrize("replies", [2, 7])
def test_pages_of_older_messages_begin_with_a_question_and_lose_nothing(
    told: Told, browser: FlaskClient, replies: int
) -> None:
    said: list[str] = []
    for _ in range(2 * MESSAGES // (replies + 1) + 3):
        question = told.ask()
        said += [question, *(told.reply(question, f"voice-{each}") for each in range(replies))]
    seen: list[str] = []
    path: str | None = told.path
    while path:
        page = page_of(browser.get(path))
        on_this = list(shown(page))
        assert len(on_this) <= MESSAGES
        assert shown(page)[on_this[0]] == "message message-own"
        seen = on_this + seen
        older = re.search(r'href="([^"]+\?before=\w+)"', page)
        path = older[1] if older else None
    assert seen == said


def test_an_exchange_that_is_longer_than_a_page_is_cut_and_loses_nothing(
    told: Told, browser: FlaskClient
) -> None:
    question = told.ask()
    said = [told.reply(question, f"voice-{each}") for each in range(MESSAGES + 20)]
    newest = page_of(browser.get(told.path))
    [older] = re.findall(r'href="([^"]+\?before=\w+)"', newest)
    assert [*shown(page_of(browser.get(older))), *shown(newest)] == [question, *said]


def test_the_fragment_of_a_further_turn_is_the_whole_exchange(told: Told, browser: FlaskClient) -> None:
    earlier = told.ask("Before")
    told.reply(earlier, "seeker")
    question = told.ask()
    first = told.reply(question, "seeker")
    second = told.reply(question, "explorer", "", status="error", finish_reason="error")
    turn_id = told.begin_turn()
    again = told.reply(question, "explorer")
    fragment = page_of(browser.get(f"{told.path}/turns/{turn_id}"))
    assert list(shown(fragment)) == [question, first, again, second]
    assert fragment.count("<section") == 1
    assert f'data-question-id="{question}"' in fragment


def test_one_reply_alone_is_had_while_others_go_on(told: Told, browser: FlaskClient) -> None:
    question = told.ask()
    turn_id = told.begin_turn()
    told.reply(question, "seeker", "one", status="streaming", finish_reason=None)
    ended = told.reply(question, "explorer", "**two**")
    fragment = page_of(browser.get(f"{told.path}/turns/{turn_id}?reply={told.generations[ended]}"))
    assert list(shown(fragment)) == [ended]
    assert "<strong>two</strong>" in fragment
    for unknown in ("0" * 32, "", "a%00b", turn_id):
        assert browser.get(f"{told.path}/turns/{turn_id}?reply={unknown}").status_code == 404


def test_a_stranger_has_no_reply_alone(
    app: Flask, told: Told, browser: FlaskClient, stranger: Person
) -> None:
    question = told.ask()
    reply = told.reply(question, "explorer")
    told.reply(question, "seeker")
    [turn_id] = re.findall(r'action="/turns/(\w+)/merge"', page_of(browser.get(told.path)))
    path = f"{told.path}/turns/{turn_id}?reply={told.generations[reply]}"
    assert browser.get(path).status_code == 200
    assert signed_in(app, stranger).get(path).status_code == 404
