"""The forms of one reply, and of all replies to a question: stop, again, choose, merge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event
from werkzeug.test import TestResponse

from tests.scripted_upstream import STREAM_HEAD, answer, chunk, delta, refuse
from tests.web.conftest import MakeApp, Person, SignUp, bearer_client, parts_of, rows, signed_in, submit
from tests.web.event_stream import until
from tests.web.pages.visit import page_of
from tests.web.several import CUT, HANGING, REFUSED, VOICES, Choir, choir

__all__ = ["choir"]


def post(browser: FlaskClient, path: str, **fields: str) -> TestResponse:
    return submit(browser, path, "/password", **fields)


def assert_leads(choir: Choir, answered: TestResponse, generation_id: str) -> None:
    assert answered.status_code == 303, answered.get_data(as_text=True)[:500]
    assert answered.headers["Location"] == f"{choir.page}#reply-{generation_id}"


def refused(answered: TestResponse, status: int, sentence: str) -> None:
    assert answered.status_code == status
    assert sentence in answered.get_data(as_text=True)


# Stop


def test_one_voice_is_stopped_and_the_others_go_on(choir: Choir, browser: FlaskClient) -> None:
    choir.ask(seeker=HANGING, explorer=HANGING)
    assert until(lambda: all(choir.replies(each)[-1]["status"] == "streaming" for each in VOICES[:2]))
    wanted = choir.generation("explorer")
    assert_leads(choir, post(browser, f"/replies/{wanted}/stop"), wanted)
    assert until(lambda: choir.replies("explorer")[0]["status"] == "cancelled")
    assert choir.replies("seeker")[0]["status"] == "streaming"
    post(browser, f"/replies/{choir.generation('seeker')}/stop")
    choir.rest()
    assert choir.replies("maintainer")[0]["status"] == "complete"


# Again


def test_one_voice_is_asked_again_and_the_question_is_not_repeated(
    choir: Choir, browser: FlaskClient
) -> None:
    choir.asked(explorer=CUT)
    answered = post(browser, f"/replies/{choir.generation('explorer')}/again")
    choir.rest()
    assert_leads(choir, answered, choir.generation("explorer"))
    assert [each["status"] for each in choir.replies("explorer")] == ["partial", "complete"]
    assert [each["role"] for each in choir.said] == ["user", *["assistant"] * 4]
    assert {each["parent_id"] for each in choir.said[1:]} == {choir.said[0]["id"]}


@pytest.mark.parametrize("pressed", ["the old one", "both"])
def test_a_reply_is_tried_again_once_however_often_it_is_pressed(
    choir: Choir, browser: FlaskClient, pressed: str
) -> None:
    turn = choir.asked(seeker=CUT, explorer=CUT)
    first = choir.generation("explorer")
    path = f"/replies/{first}/again" if pressed == "the old one" else f"/turns/{turn['turn_id']}/again"
    post(browser, path)
    choir.rest()
    for _ in range(2):
        assert_leads(choir, post(browser, f"/replies/{first}/again"), choir.generation("explorer"))
        choir.rest()
    assert len(choir.replies("explorer")) == 2


def test_pressed_while_it_is_tried_again_leads_to_the_try(choir: Choir, browser: FlaskClient) -> None:
    choir.asked(explorer=CUT)
    first = choir.generation("explorer")
    choir.says({"explorer": HANGING})
    answers = [post(browser, f"/replies/{first}/again") for _ in range(2)]
    for answered in answers:
        assert_leads(choir, answered, choir.generation("explorer"))
    post(browser, f"/replies/{choir.generation('explorer')}/stop")


def test_a_try_that_failed_is_tried_a_third_time(choir: Choir, browser: FlaskClient) -> None:
    choir.asked(explorer=CUT)
    choir.says({"explorer": REFUSED})
    for _ in range(2):
        post(browser, f"/replies/{choir.generation('explorer')}/again")
        choir.rest()
    assert [each["status"] for each in choir.replies("explorer")] == ["partial", "error", "error"]


def test_every_voice_that_is_not_whole_is_asked_again_at_once(choir: Choir, browser: FlaskClient) -> None:
    turn = choir.asked(seeker=CUT, explorer=REFUSED)
    answered = post(browser, f"/turns/{turn['turn_id']}/again")
    assert (answered.status_code, answered.headers["Location"]) == (303, choir.page)
    choir.rest()
    assert [len(choir.replies(each)) for each in VOICES] == [2, 2, 1]
    assert len({choir.replies(each)[-1]["turn_id"] for each in VOICES[:2]}) == 1
    post(browser, f"/turns/{turn['turn_id']}/again")
    choir.rest()
    assert [len(choir.replies(each)) for each in VOICES] == [2, 2, 1], "all are whole now"


def test_any_turn_of_the_question_names_it(choir: Choir, browser: FlaskClient) -> None:
    choir.asked(seeker=CUT, explorer=CUT)
    choir.says({"explorer": CUT})
    post(browser, f"/replies/{choir.generation('explorer')}/again")
    choir.rest()
    post(browser, f"/turns/{choir.replies('explorer')[-1]['turn_id']}/again")
    choir.rest()
    assert [len(choir.replies(each)) for each in VOICES] == [2, 3, 1]


def test_a_voice_that_was_deleted_is_not_asked_again(choir: Choir, browser: FlaskClient) -> None:
    turn = choir.asked(explorer=CUT, maintainer=CUT)
    voices = parts_of(choir.app).voices
    explorer, maintainer = (voices.known("")[each] for each in ("explorer", "maintainer"))
    for each in (explorer, maintainer):
        voices.remove(None, each.key)
    voices.put(None, [replace(explorer, disabled=True)])
    before = rows(choir.app)
    refused(post(browser, f"/replies/{choir.generation('explorer')}/again"), 409, "no longer offered")
    assert rows(choir.app) == before
    post(browser, f"/turns/{turn['turn_id']}/again")
    choir.rest()
    assert [len(choir.replies(each)) for each in VOICES] == [1, 1, 2], "those that are offered are asked"


def test_the_model_that_answered_is_asked_again_where_it_is_offered(
    choir: Choir, browser: FlaskClient
) -> None:
    choir.upstream.scripts = [refuse(401, "no")]
    body = {"message": "Why?", "voices": ["seeker", "explorer"], "model": "gpt-4o-mini"}
    turn = choir.api.post("/api/v1/turns", json=body).get_json()
    choir.session_id = turn["session_id"]
    choir.rest()
    post(browser, f"/turns/{turn['turn_id']}/again")
    choir.rest()
    assert [each["model"] for each in choir.replies("explorer")] == ["gpt-4o-mini"] * 2


def test_after_the_next_question_nothing_more_is_asked_of_the_last(
    choir: Choir, browser: FlaskClient
) -> None:
    turn = choir.asked(explorer=CUT)
    early = choir.generation("explorer")
    choir.asked("seeker", "explorer")
    before = rows(choir.app)
    for path in (
        f"/replies/{early}/again",
        f"/turns/{turn['turn_id']}/again",
        f"/turns/{turn['turn_id']}/merge",
    ):
        refused(post(browser, path), 409, "The conversation has gone on since")
    refused(post(browser, f"/replies/{early}/choose"), 422, "to the newest message")
    assert rows(choir.app) == before


def test_while_a_voice_answers_nothing_else_is_begun(choir: Choir, browser: FlaskClient) -> None:
    choir.asked(explorer=CUT)
    turn = choir.ask("seeker", "explorer", explorer=HANGING)
    for path in (f"/replies/{choir.generation('seeker')}/again", f"/turns/{turn['turn_id']}/merge"):
        refused(post(browser, path), 409, "still answering")
    post(browser, f"/turns/{turn['turn_id']}/stop")


# Choose


def test_a_reply_is_chosen_and_the_choice_taken_back(choir: Choir, browser: FlaskClient) -> None:
    choir.asked()
    reply = choir.replies("explorer")[-1]
    for chosen in (reply["id"], None, reply["id"]):
        assert_leads(
            choir, post(browser, f"/replies/{reply['generation_id']}/choose"), reply["generation_id"]
        )
        assert choir.goes_on_from == chosen
    other = choir.replies("seeker")[-1]
    post(browser, f"/replies/{other['generation_id']}/choose")
    assert choir.goes_on_from == other["id"]
    choir.asked("maintainer")
    assert choir.said[-2]["parent_id"] == other["id"]


def test_a_reply_without_text_cannot_be_chosen(choir: Choir, browser: FlaskClient) -> None:
    choir.asked(explorer=REFUSED)
    refused(post(browser, f"/replies/{choir.generation('explorer')}/choose"), 422, "with text")
    assert choir.goes_on_from is None


# Merge


def test_a_merge_is_a_further_reply_that_the_conversation_goes_on_from(
    choir: Choir, browser: FlaskClient
) -> None:
    turn = choir.asked(maintainer=REFUSED)
    choir.says({"seeker": answer("Both [@explorer] and `[@seeker]`; not [@maintainer].")})
    answered = post(browser, f"/turns/{turn['turn_id']}/merge")
    choir.rest()
    (merge,) = choir.merges
    assert_leads(choir, answered, merge["generation_id"])
    assert (merge["voice"], merge["parent_id"]) == ("seeker", choir.said[0]["id"])
    assert [each["voice"] for each in merge["citations"]] == ["seeker", "explorer"]
    assert choir.goes_on_from == merge["id"]
    page = page_of(browser.get(choir.page))
    explorer = choir.generation("explorer")
    link = f'<a class="voice-reference" href="#reply-{explorer}" data-colour="8a5a00">Explorer</a>'
    assert f"Both {link} and <code>[@seeker]</code>; not [@maintainer]." in page
    assert f'id="reply-{explorer}"' in page


def test_a_merge_that_is_written_has_its_links_on_the_streamed_page_too(
    choir: Choir, browser: FlaskClient
) -> None:
    turn, go = choir.asked(), Event()
    choir.says(
        {"seeker": [STREAM_HEAD, chunk(delta("As [@explorer] says.\n\nAnd ")), go, *answer("more")[1:]]}
    )
    post(browser, f"/turns/{turn['turn_id']}/merge")
    stream = browser.get(choir.page, buffered=False).iter_encoded()
    shown = b""
    for piece in stream:
        shown += piece
        if b"says." in shown:
            go.set()
    explorer = choir.generation("explorer").encode()
    assert b'As <a class="voice-reference" href="#reply-' + explorer + b'"' in shown
    choir.rest()


def test_a_merge_by_another_voice(choir: Choir, browser: FlaskClient) -> None:
    turn = choir.asked()
    post(browser, f"/turns/{turn['turn_id']}/merge", voice="analyzer")
    choir.rest()
    assert [each["voice"] for each in choir.merges] == ["analyzer"]
    refused(post(browser, f"/turns/{turn['turn_id']}/merge", voice="nobody"), 422, "not known")


def test_pressed_twice_it_merges_once_and_again_when_what_it_reads_has_changed(
    choir: Choir, browser: FlaskClient
) -> None:
    turn = choir.asked(explorer=CUT)
    for _ in range(2):
        post(browser, f"/turns/{turn['turn_id']}/merge")
        choir.rest()
    assert len(choir.merges) == 1
    post(browser, f"/replies/{choir.generation('explorer')}/again")
    choir.rest()
    for _ in range(2):
        post(browser, f"/turns/{turn['turn_id']}/merge")
        choir.rest()
    assert len(choir.merges) == 2


def test_the_page_offers_to_merge_anew(choir: Choir, browser: FlaskClient) -> None:
    choir.asked()
    for count in (1, 2, 3):
        page = page_of(browser.get(choir.page))
        (form,) = [
            part.partition('"')[0] for part in page.split('action="/turns/')[1:] if "/merge" in part[:50]
        ]
        post(browser, f"/turns/{form}")
        choir.rest()
        assert len(choir.merges) == count


def test_a_merge_that_failed_is_tried_again(choir: Choir, browser: FlaskClient) -> None:
    turn = choir.asked()
    choir.says({"seeker": REFUSED})
    post(browser, f"/turns/{turn['turn_id']}/merge")
    choir.rest()
    choir.says({"seeker": answer("one")})
    post(browser, f"/turns/{choir.merges[-1]['turn_id']}/again")
    choir.rest()
    assert [each["status"] for each in choir.merges] == ["error", "complete"]
    post(browser, f"/replies/{choir.merges[-1]['generation_id']}/again")
    choir.rest()
    assert [each["voice"] for each in choir.merges] == ["seeker"] * 3


def test_one_reply_is_nothing_to_merge(choir: Choir, browser: FlaskClient) -> None:
    turn = choir.asked("seeker", "explorer", explorer=REFUSED)
    refused(post(browser, f"/turns/{turn['turn_id']}/merge"), 409, "nothing to merge")


# Who, and how often


def test_a_stranger_changes_nothing(choir: Choir, app: Flask, stranger: Person) -> None:
    turn = choir.asked(explorer=CUT)
    before, other = rows(app), signed_in(app, stranger)
    for voice in VOICES:
        for what in ("stop", "again", "choose"):
            assert post(other, f"/replies/{choir.generation(voice)}/{what}").status_code == 404
    assert post(other, f"/turns/{turn['turn_id']}/merge").status_code == 404
    assert (rows(app), choir.goes_on_from) == (before, None)


def test_further_replies_count_as_messages(make_app: MakeApp, sign_up: SignUp, choir: Choir) -> None:
    app = make_app(
        OPENAI_BASE_URL=choir.upstream.base_url,
        CHATAPP_MODELS="gpt-6-luna",
        CHATAPP_MESSAGES_PER_MINUTE="2",
        CHATAPP_RATE_LIMITS="1",
    )
    person = sign_up(app, "counted@example.org")
    counted = Choir(app, choir.upstream, bearer_client(app, person))
    browser = signed_in(app, person)
    turn = counted.asked(explorer=CUT)
    first = counted.generation("explorer")
    post(browser, f"/replies/{first}/again")
    counted.rest()
    before = rows(app)
    for path in (f"/replies/{first}/again", f"/turns/{turn['turn_id']}/merge"):
        refused(post(browser, path), 429, "That was too often")
    assert rows(app) == before
