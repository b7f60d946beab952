"""The pages of voices: the list, the form, what is refused, the team's, files."""

from __future__ import annotations

import io
import re
import tomllib
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chatapp.turns.built_in_voices import BUILT_IN, SEEKER
from chatapp.turns.voice import Voice
from chatapp.turns.voices import MOST_VOICES
from tests.web.conftest import Person, SignUp, form_token, make_administrator, parts_of, signed_in, submit
from tests.web.pages.visit import page_of

GOOD = '[voices.poet]\nname = "Poet"\ncolour = "#7a3fa0"\nprompt = "Rhyme."\n'
POET = {
    "key": "poet", "name": "Poet", "colour": "#7A3fa0", "description": "Rhymes.", "prompt": "One.\r\nTwo.",
    "history": "own", "model": "gpt-4o-mini", "temperature": "1,5", "top_p": "", "max_output_tokens": " 20 ",
}  # fmt: skip


@pytest.fixture
def admin(app: Flask, sign_up: SignUp) -> FlaskClient:
    administrator = sign_up(app, "boss@example.org")
    make_administrator(app, administrator)
    return signed_in(app, administrator)


def row_of(page: str, key: str) -> str:
    """A voice's row of the list, as text."""
    found = re.search(rf'<li [^>]*id="voice-{key}">(.*?)</li>', page, re.DOTALL)
    assert found, f"no row of {key}"
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", found[1]).split()))


def own(app: Flask, person: Person) -> list[Voice]:
    return parts_of(app).voices.made_by(person.id)


def led_to(answered: TestResponse) -> str:
    assert answered.status_code == 303, answered.get_data(as_text=True)
    return answered.headers["Location"]


def test_the_list_shows_what_can_be_asked_and_whose_it_is(
    app: Flask, person: Person, browser: FlaskClient
) -> None:
    voices = parts_of(app).voices
    voices.add(None, Voice("ours", "Ours", "#123456", "Of us.", "x"))
    voices.add(None, Voice("quiet", "Quiet", "#123456", "", "x", disabled=True))
    voices.add(person.id, Voice("mine", "<b>Mine</b>", "#654321", "", "x", model="gpt-4o-mini"))
    page = page_of(browser.get("/voices"))
    assert re.findall(r'id="voice-([a-z]+)"', page) == [*BUILT_IN, "ours", "quiet", "mine"]
    assert row_of(page, "seeker").startswith(f"Seeker seeker built-in {SEEKER.description} Change")
    assert row_of(page, "ours").startswith("Ours ours the team’s Of us.")
    assert "disabled" in row_of(page, "quiet")
    assert "Enable" in row_of(page, "quiet")
    assert row_of(page, "mine").startswith("<b>Mine</b> mine your own, gpt-4o-mini")
    assert "Remove" in row_of(page, "mine")
    assert "Remove" not in row_of(page, "ours")
    assert 'data-colour="654321"' in page
    stylesheet = re.search(r'href="(/colours/[^"]+)"', page)
    assert stylesheet
    assert '[data-colour="654321"]' in browser.get(stylesheet[1]).get_data(as_text=True)
    assert 'href="/voices"' in page_of(browser.get("/")), "the menu leads there"
    assert "/team/voices" not in page


def test_one_is_made_and_the_form_shows_it_again(app: Flask, person: Person, browser: FlaskClient) -> None:
    assert led_to(submit(browser, "/new-voice", **POET)) == "/voices?done=saved"
    assert "It is saved." in page_of(browser.get("/voices?done=saved"))
    (made,) = own(app, person)
    assert (made.key, made.colour, made.prompt, made.history) == ("poet", "#7a3fa0", "One.\nTwo.", "own")
    assert (made.model, dict(made.parameters)) == (
        "gpt-4o-mini",
        {"temperature": 1.5, "max_output_tokens": 20},
    )
    page = page_of(browser.get("/voices/poet"))
    for shown in ('value="Poet"', 'value="#7a3fa0"', ">\nOne.\nTwo.</textarea>", '<option value="own" selected>',
                  "<option selected>gpt-4o-mini", 'value="1.5"', 'value="20"'):  # fmt: skip
        assert shown in page
    assert "checked" not in page
    assert 'name="key"' not in page, "it stays as it is"
    again = {**POET, "name": "Bard", "temperature": "", "max_output_tokens": "", "model": "", "disabled": "1"}
    assert led_to(submit(browser, "/voices/poet", **again)) == "/voices?done=saved"
    (changed,) = own(app, person)
    assert (changed.name, changed.model, dict(changed.parameters)) == ("Bard", None, {})
    assert changed.disabled
    assert "checked" in page_of(browser.get("/voices/poet"))


def test_changing_a_built_in_one_makes_one_s_own_and_removing_that_brings_it_back(
    app: Flask, person: Person, browser: FlaskClient
) -> None:
    page = page_of(browser.get("/voices/seeker"))
    assert "This is a built-in voice. What you save takes its place for you alone" in page
    assert "Undo" not in page
    fields = {**POET, "name": "My seeker"}
    assert led_to(submit(browser, "/voices/seeker", **fields)) == "/voices?done=saved"
    page = page_of(browser.get("/voices/seeker"))
    assert "takes the place of the built-in voice “Seeker” for you alone" in page
    assert "Undo the changes" in page
    assert "My seeker seeker your own" in row_of(page_of(browser.get("/voices")), "seeker")
    assert led_to(submit(browser, "/voices/seeker/remove", "/voices/seeker")) == "/voices?done=removed"
    assert own(app, person) == []
    assert "Seeker seeker built-in" in row_of(page_of(browser.get("/voices")), "seeker")
    assert submit(browser, "/voices/seeker/remove", "/voices").status_code == 404


def test_a_button_disables_and_enables(app: Flask, person: Person, browser: FlaskClient) -> None:
    assert led_to(submit(browser, "/voices/seeker/disable", "/voices", disabled="1")) == "/voices?done=saved"
    (made,) = own(app, person)
    assert (made.key, made.prompt, made.disabled) == ("seeker", SEEKER.prompt, True)
    assert "your own, disabled" in row_of(page_of(browser.get("/voices")), "seeker")
    submit(browser, "/voices/seeker/disable", "/voices", disabled="")
    assert not own(app, person)[0].disabled
    assert submit(browser, "/voices/nobody/disable", "/voices", disabled="1").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("key", "A b", "A key has 1 to 32 of a-z, 0-9 and -."),
        ("name", " ", "A name has 1 to 40 characters."),
        ("name", '"><script>' + "x" * 40, "A name has 1 to 40 characters."),
        ("colour", "red", "A colour is written as # and six of 0-9 and a-f, like #2f6f8f."),
        ("description", "d" * 201, "A description has at most 200 characters."),
        ("prompt", "\n\n", "Write a prompt: it says to the model who it is."),
        ("prompt", "x" * 4001, "A prompt has at most 4000 characters."),
        ("model", "gpt-nine", "This model is not offered here."),
        ("history", "none", "Input should be"),
        ("temperature", "warm", "This is no number."),
        ("temperature", "nan", "A temperature is a number from 0 to 2."),
        ("top_p", "0", "This is a number over 0, and at most 1."),
        ("max_output_tokens", "1.5", "This is no whole number."),
        ("max_output_tokens", "9" * 5000, "This is no whole number."),
        ("max_output_tokens", "2001", "This is a whole number from 1 to 2000."),
    ],
    ids=lambda value: value[:20],
)
def test_a_refused_form_keeps_what_was_written_and_says_what_is_wrong_there(
    app: Flask, person: Person, browser: FlaskClient, field: str, value: str, sentence: str
) -> None:
    answered = submit(browser, "/new-voice", **{**POET, "description": "Kept.", field: value})
    raw = answered.get_data(as_text=True)
    page = unescape(raw)
    assert answered.status_code == 422
    assert "It is not saved yet: see what is marked below." in page
    fault = re.search(r'<p class="fault" id="fault-([a-z_]+)">([^<]*)</p>', page)
    assert fault
    assert (fault[1], fault[2][: len(sentence)]) == (field, sentence)
    assert len(re.findall('class="fault"', page)) == 1
    assert re.search(rf'name="{field}"[^>]*aria-describedby="[^"]*fault-{field}" aria-invalid="true"', raw)
    assert field == "history" or value in page
    if field != "description":
        assert 'value="Kept."' in page
    assert "<script>" not in raw.partition("</head>")[2]
    assert own(app, person) == []


def test_a_refused_change_changes_nothing(app: Flask, person: Person, browser: FlaskClient) -> None:
    submit(browser, "/new-voice", **POET)
    before = own(app, person)
    answered = submit(browser, "/voices/poet", **{**POET, "name": ""})
    assert answered.status_code == 422
    assert 'action="/voices/poet"' in answered.get_data(as_text=True)
    assert own(app, person) == before
    assert submit(browser, "/voices/nobody", "/voices", **POET).status_code == 404


def test_a_key_that_is_there_and_one_voice_too_many_are_told(
    app: Flask, person: Person, browser: FlaskClient
) -> None:
    submit(browser, "/new-voice", **POET)
    twice = submit(browser, "/new-voice", **POET)
    assert twice.status_code == 409
    assert "There is a voice with this key already." in twice.get_data(as_text=True)
    for number in range(MOST_VOICES - 1):
        parts_of(app).voices.add(person.id, Voice(f"v{number}", "V", "#000000", "", "x"))
    for path, fields in (("/new-voice", {**POET, "key": "more"}), ("/voices/seeker", POET)):
        answered = submit(browser, path, **fields)
        assert answered.status_code == 409
        assert "There are 50 voices already." in answered.get_data(as_text=True)
        assert 'value="Rhymes."' in answered.get_data(as_text=True)
    full = submit(browser, "/voices/seeker/disable", "/voices", disabled="1")
    assert full.status_code == 409
    assert "There are 50 voices already." in full.get_data(as_text=True)
    assert led_to(submit(browser, "/voices/poet", **POET)), "one that is there can still be changed"


def test_the_team_s_are_made_and_changed_by_administrators(
    app: Flask, admin: FlaskClient, browser: FlaskClient
) -> None:
    assert 'href="/team/voices"' in page_of(admin.get("/voices"))
    assert led_to(submit(admin, "/team/new-voice", **POET)) == "/team/voices?done=saved"
    assert "the team’s" in row_of(page_of(browser.get("/voices")), "poet")
    assert "What you save takes its place for you alone" in page_of(browser.get("/voices/poet"))
    page = page_of(admin.get("/team/voices/explorer"))
    assert "This is a built-in voice. What you save takes its place for the team" in page
    submit(admin, "/team/voices/explorer/disable", "/team/voices", disabled="1")
    assert "the team’s, disabled" in row_of(page_of(browser.get("/voices")), "explorer")
    assert "takes the place of the built-in voice" in page_of(admin.get("/team/voices/explorer"))
    submit(admin, "/team/voices/poet", **{**POET, "name": "Bard"})
    assert "Bard" in row_of(page_of(browser.get("/voices")), "poet")
    submit(admin, "/team/voices/poet/remove", "/team/voices")
    assert [voice.key for voice in parts_of(app).voices.made_by(None)] == ["explorer"]
    assert submit(admin, "/team/voices/poet", "/team/voices", **POET).status_code == 404


def test_files_go_out_and_come_in_as_text_or_as_a_file(
    app: Flask, person: Person, browser: FlaskClient
) -> None:
    token = form_token(browser, "/voices")
    assert led_to(submit(browser, "/voices.toml", "/voices", toml=GOOD.replace("\n", "\r\n")))
    out = browser.get("/voices.toml")
    assert "attachment" in out.headers["Content-Disposition"]
    assert tomllib.loads(out.get_data(as_text=True))["voices"]["poet"]["prompt"] == "Rhyme."
    file = (io.BytesIO(b"\xef\xbb\xbf" + GOOD.replace("poet", "bard").encode()), "voices.toml")
    sent = browser.post("/voices.toml", data={"csrf_token": token, "toml": "", "file": file})
    assert led_to(sent) == "/voices?done=imported"
    assert [voice.key for voice in own(app, person)] == ["bard", "poet"]
    empty = browser.post(
        "/voices.toml", data={"csrf_token": token, "toml": GOOD, "file": (io.BytesIO(b""), "")}
    )
    assert led_to(empty), "a field for a file that was left empty"


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (GOOD.replace("#7a3fa0", "red"), ["voices.poet.colour: A colour is written as"]),
        (
            '[voices.poet]\nname = 1\ncolour = "#123456"',
            ["voices.poet.name: This is", "voices.poet.prompt: This"],
        ),
        ("</textarea><script>", ["This is no TOML: "]),
        ("a=" + "[" * 20_000, ["This is nested too deeply."]),
        (b"\xff\xfe", ["This is no text in UTF-8."]),
        (b"#" * 65_537, ["This is larger than 64 KiB."]),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_refused_import_says_why_keeps_the_text_and_brings_nothing_in(
    app: Flask, person: Person, browser: FlaskClient, toml: str | bytes, told: list[str]
) -> None:
    data: dict[str, object] = {"csrf_token": form_token(browser, "/voices")}
    data |= {"toml": toml} if isinstance(toml, str) else {"file": (io.BytesIO(toml), "x.toml")}
    answered = browser.post("/voices.toml", data=data)
    page = answered.get_data(as_text=True)
    assert answered.status_code == 422
    assert "Nothing is imported" in page
    faults = [unescape(each) for each in re.findall(r'<li class="fault"><bdi>([^<]*)</bdi></li>', page)]
    assert len(faults) == len(told)
    assert all(fault.startswith(start) for fault, start in zip(faults, told, strict=True))
    if isinstance(toml, str):
        assert f">\n{toml}</textarea>" in unescape(page)
    assert "<script>" not in page.partition("</head>")[2]
    assert own(app, person) == []


def test_an_import_that_is_too_large_is_not_read(browser: FlaskClient) -> None:
    data = {
        "csrf_token": form_token(browser, "/voices"),
        "file": (io.BytesIO(b"x" * 300_000), "x.toml"),
    }
    assert browser.post("/voices.toml", data=data).status_code == 413


def test_an_import_of_too_many_and_for_the_team(
    app: Flask, person: Person, browser: FlaskClient, admin: FlaskClient
) -> None:
    many = "".join(GOOD.replace("poet", f"v{number}") for number in range(MOST_VOICES + 1))
    answered = submit(browser, "/voices.toml", "/voices", toml=many)
    assert answered.status_code == 409
    assert "There are 50 voices already." in answered.get_data(as_text=True)
    assert submit(browser, "/voices.toml", "/voices", toml=GOOD, scope="team").status_code == 403
    assert submit(browser, "/voices.toml", "/voices", toml=GOOD, scope="x").status_code == 422
    assert (
        led_to(submit(admin, "/voices.toml", "/team/voices", toml=GOOD, scope="team"))
        == "/team/voices?done=imported"
    )
    assert [voice.key for voice in parts_of(app).voices.made_by(None)] == ["poet"]
    assert "Poet" in page_of(admin.get("/team/voices"))
    assert own(app, person) == []
