"""Commands for voices: out as TOML, and in again."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from chatapp.turns.voice import Voice
from tests.web.commands.test_accounts import run
from tests.web.conftest import MakeApp, Person, SignUp, parts_of

GOOD = '[voices.poet]\nname = "Poet"\ncolour = "#7a3fa0"\nprompt = "Rhyme."\nmodel = "any-model"\n'


@pytest.fixture
def house(make_app: MakeApp) -> Flask:
    """One that does not know which models there are: a command asks nobody."""
    return make_app(OPENAI_BASE_URL="http://127.0.0.1:9/v1")


@pytest.fixture
def reader(house: Flask, sign_up: SignUp) -> Person:
    return sign_up(house)


def test_somebody_s_and_the_team_s_go_out_and_in(house: Flask, reader: Person, tmp_path: Path) -> None:
    voices = parts_of(house).voices
    voices.add(reader.id, Voice("own", "Own", "#123456", "", "a\n\"\"\"b'''"))
    out = run(house, "voices", "export", reader.email)
    assert out.exit_code == 0
    file = tmp_path / "voices.toml"
    file.write_text(out.output, encoding="utf-8")
    brought = run(house, "voices", "import", str(file))
    assert (brought.exit_code, brought.output) == (0, "1 imported\n")
    (own,), (team,) = voices.made_by(reader.id), voices.made_by(None)
    assert (own.key, own.prompt) == (team.key, team.prompt)
    assert run(house, "voices", "export").output == out.output
    file.write_text(GOOD, encoding="utf-8")
    assert run(house, "voices", "import", str(file), reader.email).exit_code == 0
    assert [voice.key for voice in voices.made_by(reader.id)] == ["own", "poet"]
    assert [voice.key for voice in voices.made_by(None)] == ["own"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "toml: There is no table [voices.KEY] in it."),
        (b"\xff", "toml: This is no text in UTF-8."),
        (b"x" * 70_000, "toml: This is larger than 64 KiB."),
        (GOOD.replace("Poet", "").encode(), "voices.poet.name: A name has 1 to 40 characters."),
        ("".join(GOOD.replace("poet", f"v{n}") for n in range(51)).encode(), "There are 50 voices already."),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_will_not_do_is_told_and_brings_nothing_in(
    house: Flask, tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "voices.toml"
    file.write_bytes(content)
    done = run(house, "voices", "import", str(file))
    assert done.exit_code != 0
    assert sentence in done.output
    assert "Traceback" not in done.output
    assert parts_of(house).voices.made_by(None) == []


def test_nobody_has_none(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "voices.toml"
    file.write_text(GOOD, encoding="utf-8")
    for arguments in (("export",), ("import", str(file))):
        done = run(house, "voices", *arguments, "nobody@example.org")
        assert done.exit_code != 0
        assert "no user" in done.output
    assert run(house, "voices", "import", str(tmp_path / "none")).exit_code != 0
