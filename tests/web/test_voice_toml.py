"""Voices as TOML: what goes out comes in again, and nothing hostile gets further than one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.errors import ValidationFailed
from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voice import History, Scope, Voice
from chatapp.turns.voices import MOST_VOICES, TooManyVoices
from chatapp.web.body import validated
from chatapp.web.voice_body import VoiceBody
from chatapp.web.voice_toml import MOST_BYTES, read, text_of, written

GOOD = '[voices.poet]\nname = "Poet"\ncolour = "#7a3fa0"\nprompt = "Rhyme."\n'
HOSTILE = [
    '"',
    "'",
    "\\",
    '"""',
    "'''",
    "#",
    "[voices.x]",
    "\n",
    "\r",
    "\t",
    "\x1b",
    "\x7f",
    "\u2028",
    ".",
    "=",
    "é",
    "🤖",
]

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
hostile = st.lists(st.sampled_from(HOSTILE) | text, max_size=12).map("".join)
prompts = hostile.map(lambda each: each.replace("\r\n", "\n").replace("\r", "\n").strip() or "x")
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=10)
voices = st.builds(
    Voice,
    key=st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True),
    name=names.map(lambda each: "n" + each),
    colour=st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    description=st.just("") | names,
    prompt=prompts,
    model=st.none() | st.sampled_from(["gpt-6-luna", "gpt-4o-mini"]),
    parameters=st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1, exclude_min=True),
            "max_output_tokens": st.integers(1, 2000),
        },
    ),
    history=st.sampled_from(History),
    disabled=st.booleans(),
    scope=st.just(Scope.BUILT_IN),
)


@given(made=st.lists(voices, max_size=4, unique_by=lambda voice: voice.key))
@example(made=[])
@example(made=list(BUILT_IN.values()))
@settings(deadline=None, max_examples=200)
def test_what_goes_out_comes_in_again(standing_app: Flask, made: list[Voice]) -> None:
    with standing_app.test_request_context():
        again = read(text_of(written(made).encode()))
    assert again == made
    assert [dict(each.parameters) for each in again] == [dict(each.parameters) for each in made]


@given(prompt=hostile)
@settings(deadline=None, max_examples=200)
def test_whatever_prompt_was_taken_comes_in_again(standing_app: Flask, prompt: str) -> None:
    with standing_app.test_request_context():
        body = {"key": "a", "name": "A", "colour": "#000000", "prompt": f"{prompt}."}
        made = validated(lambda: VoiceBody.model_validate(body)).voice()
        assert read(written([made])) == [made]


def test_prompts_are_written_as_people_would(standing_app: Flask) -> None:
    made = Voice("a", "A", "#000000", "", "One.\nTwo.")
    assert 'prompt = """\nOne.\nTwo."""' in written([made])


def refused(app: Flask, toml: str) -> dict[str, str]:
    with app.test_request_context(), pytest.raises(ValidationFailed) as error:
        read(toml)
    told = {each.field: each.message for each in error.value.errors}
    assert all("\n" not in each and each.isprintable() for pair in told.items() for each in pair)
    return told


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("", "There is no table [voices.KEY] in it."),
        ("voices = 1", "There is no table [voices.KEY] in it."),
        ("[[voices]]\n", "There is no table [voices.KEY] in it."),
        ("a=" + "[" * 30_000, "This is nested too deeply."),
        ("a=" + "{b=" * 10_000, "This is nested too deeply."),
        ("a=[" * 400, None),
        ("#" * (MOST_BYTES + 1), "This is larger than 64 KiB. Import it in parts."),
        ("é" * (MOST_BYTES // 2 + 1), "This is larger than 64 KiB. Import it in parts."),
        ("a\0b", "This text has characters that are no text."),
        ('a="\ud800"', "This text has characters that are no text."),
        (GOOD + GOOD, None),
        (GOOD + 'name = "Again"\n', None),
        ("a = \x1b\n", None),
        ('a = "\u202e\n', None),
        ("a=" + "9" * 5000, None),
        ("[voices.poet", None),
        ("{}", None),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_what_cannot_be_read_is_one_sentence(standing_app: Flask, toml: str, sentence: str | None) -> None:
    told = refused(standing_app, toml)
    assert set(told) == {"toml"}
    assert told["toml"] == sentence or (sentence is None and told["toml"].startswith("This is no TOML: "))


@pytest.mark.parametrize(
    "toml",
    [
        "a." * 32_000 + "b = 1",
        "[" + "a." * 30_000 + "b]",
        "x = {" + '"a" . ' * 10_000 + "b = 1}",
        "k = '''a'''', " + "x." * 20_000 + "y = 1",
        'k = """a""""" # "\n' + "x." * 20_000 + "y = 1",
        'k = "\\"" \n' + "x." * 20_000 + "y = 1",
        "k = 'a\\' \n" + "x." * 20_000 + "y = 1",
        "k = '''a'''' \n" + "x." * 20_000 + "y = 1",
        '# """\n' + "x." * 20_000 + "y = 1",
    ],
    ids=lambda value: value[:20],
)
def test_keys_of_thousands_of_parts_are_not_parsed(standing_app: Flask, toml: str) -> None:
    """The parser would take half a minute."""
    assert refused(standing_app, toml) == {"toml": "There is a line with too many dots in it."}


@pytest.mark.parametrize(
    "toml",
    [
        '"""' + '\\"""' * 16_000,
        '"' * 65_000,
        "'" * 65_000,
        '"\\' * 32_000,
        "'''\"\"\"" * 10_000,
        "#\"'" * 20_000,
    ],
    ids=lambda value: value[:10],
)
def test_text_without_end_is_looked_at_once(standing_app: Flask, toml: str) -> None:
    """In pieces of any length: this ends at all, where looking again from each quote would take minutes."""
    assert set(refused(standing_app, toml)) == {"toml"}


def test_twenty_dots_on_a_line_are_parsed(standing_app: Flask) -> None:
    assert "voices.poet.a" in refused(standing_app, "voices.poet" + ".a" * 19 + " = 1")
    assert refused(standing_app, "voices.poet" + ".a" * 20 + " = 1") == {
        "toml": "There is a line with too many dots in it."
    }


def test_dots_within_strings_are_no_keys(standing_app: Flask) -> None:
    dots = "." * 3000
    toml = GOOD.replace("Rhyme.", dots) + f"description = '{'.' * 150}' # {dots}\n"
    with standing_app.test_request_context():
        (found,) = read(toml)
    assert found.prompt == dots


WARM = "A temperature is a number from 0 to 2."
FAULTS: list[tuple[str, dict[str, str]]] = [
    (GOOD + "[other]\n", {"other": "Only tables [voices.KEY] belong here."}),
    ("[voices]\npoet = 1", {"voices.poet": "A voice is a table with its fields."}),
    (GOOD + 'key = "x"', {"voices.poet.key": "The key is the table's name."}),
    (GOOD.replace("poet", '"a b\\u001b"'), {"voices.a b\\x1b.key": "A key has 1 to 32 of a-z, 0-9 and -."}),
    (GOOD + "seed = 1", {"voices.poet.seed": "This field is not known."}),
    (GOOD + "parameters.seed = 1", {"voices.poet.parameters.seed": "This field is not known."}),
    (GOOD + "parameters.temperature = nan", {"voices.poet.parameters.temperature": WARM}),
    (GOOD + "parameters.temperature = inf", {"voices.poet.parameters.temperature": WARM}),
    (GOOD.replace('"Rhyme."', "2026-11-21"), {"voices.poet.prompt": "This is no text."}),
    (GOOD + 'model = "gone"', {"voices.poet.model": "This model is not offered here."}),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "faults"), FAULTS, ids=lambda value: repr(value)[-40:])
def test_faults_are_told_by_voice_and_field(standing_app: Flask, toml: str, faults: dict[str, str]) -> None:
    assert refused(standing_app, toml) == faults


def test_faults_of_several_voices_are_told_together_and_no_more_than_twenty(standing_app: Flask) -> None:
    two = GOOD.replace("Poet", " ") + GOOD.replace("poet", "bard").replace("#7a3fa0", "red")
    assert set(refused(standing_app, two)) == {"voices.poet.name", "voices.bard.colour"}
    many = "".join(f"[voices.v{number}]\n" for number in range(40))
    assert len(refused(standing_app, many)) == 20
    assert len(refused(standing_app, GOOD + "".join(f"x{number} = 1\n" for number in range(5000)))) == 20


def test_there_is_an_end_to_them(standing_app: Flask) -> None:
    many = "".join(GOOD.replace("poet", f"v{number}") for number in range(MOST_VOICES + 1))
    with standing_app.test_request_context(), pytest.raises(TooManyVoices):
        read(many)


def test_files_are_utf_8_with_or_without_their_mark() -> None:
    assert text_of(b"\xef\xbb\xbfa") == text_of(b"a") == "a"
    for wrong in (b"\xff", "a".encode("utf-16"), b"\xed\xa0\x80", b"x" * MOST_BYTES + b"\xff\xff\xff\xff"):
        with pytest.raises(ValidationFailed):
            text_of(wrong)


@given(
    st.text(st.sampled_from("abv.[]={}\"'\\#\n voices") | st.characters(), max_size=60) | st.text(max_size=60)
)
@settings(deadline=None, max_examples=300)
def test_no_text_surprises_it(standing_app: Flask, toml: Any) -> None:
    with standing_app.test_request_context():
        try:
            read(toml)
        except ValidationFailed as error:
            assert error.errors
