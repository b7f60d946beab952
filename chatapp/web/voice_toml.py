"""Voices as TOML: a table `[voices.KEY]` for each, with the fields that the API has."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tomli_w

from chatapp.accounts.account import is_text
from chatapp.errors import FieldError, ValidationFailed
from chatapp.turns.voice import Voice
from chatapp.turns.voices import MOST_VOICES, TooManyVoices
from chatapp.web.body import validated, with_few_unknown
from chatapp.web.voice_body import VoiceBody

MOST_BYTES = 64 * 1024
"""Of what is imported at once."""
_TOO_LARGE = f"This is larger than {MOST_BYTES // 1024} KiB. Import it in parts."
_TOLD = 20
"""Faults that are told one by one."""
_MOST_DOTS = 20
"""Outside of strings, on one line. A voice has three; the parser takes time with the square of them, which is half a
minute for one key that fills the whole, and where a hundred are allowed on every line still a quarter of a second."""
_NO_KEYS = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
"""Strings and comments, and what begins as one and does not end: in any text each letter is looked at once."""


def written(voices: Iterable[Voice]) -> str:
    """These voices as TOML, which `read` takes again."""
    return tomli_w.dumps({"voices": {each.key: _table(each) for each in voices}}, multiline_strings=True)


def _table(voice: Voice) -> dict[str, Any]:
    told = {
        "name": voice.name,
        "colour": voice.colour,
        "description": voice.description,
        "prompt": voice.prompt,
        "model": voice.model,
        "history": voice.history.value,
        "disabled": voice.disabled,
        "parameters": dict(voice.parameters),
    }
    return {name: value for name, value in told.items() if value not in (None, {})}


def text_of(content: bytes) -> str:
    """What a file holds. Raises ValidationFailed, with the field `toml`."""
    if len(content) > MOST_BYTES + len(codecs.BOM_UTF8):
        raise _refusal(_TOO_LARGE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal("This is no text in UTF-8.") from None


def read(toml: str) -> list[Voice]:
    """The voices that it describes. Raises ValidationFailed, which names each fault's voice and field, or `toml` where
    it cannot be read at all, and TooManyVoices."""
    tables = _tables(_parsed(toml))
    if len(tables) > MOST_VOICES:
        raise TooManyVoices
    faults: list[FieldError] = []
    voices: list[Voice] = []
    for key, table in tables.items():
        try:
            voices.append(_voice(key, table))
        except ValidationFailed as error:
            faults += _named(key, error)
    if faults:
        raise ValidationFailed(faults[:_TOLD])
    return voices


def _parsed(toml: str) -> dict[str, Any]:
    if not is_text(toml):
        raise _refusal("This text has characters that are no text.")
    if len(toml.encode()) > MOST_BYTES:
        raise _refusal(_TOO_LARGE)
    if any(line.count(".") > _MOST_DOTS for line in _NO_KEYS.sub("", toml).split("\n")):
        raise _refusal("There is a line with too many dots in it.")
    try:
        return tomllib.loads(toml)
    except RecursionError:
        raise _refusal("This is nested too deeply.") from None
    except ValueError as error:
        raise _refusal(f"This is no TOML: {_shown(str(error), 200)}.") from None


def _tables(document: Mapping[str, Any]) -> dict[str, Any]:
    beside = [name for name in document if name != "voices"]
    if beside:
        raise ValidationFailed(
            [FieldError(_shown(name), "Only tables [voices.KEY] belong here.") for name in beside[:_TOLD]]
        )
    tables = document.get("voices")
    if not isinstance(tables, dict):
        raise _refusal("There is no table [voices.KEY] in it.")
    return tables


def _voice(key: str, table: object) -> Voice:
    if not isinstance(table, dict):
        raise ValidationFailed([FieldError("", "A voice is a table with its fields.")])
    if "key" in table:
        raise ValidationFailed([FieldError("key", "The key is the table's name.")])
    return validated(
        lambda: VoiceBody.model_validate(with_few_unknown(VoiceBody, {**table, "key": key}))
    ).voice()


def _named(key: str, error: ValidationFailed) -> Iterator[FieldError]:
    for each in error.errors:
        place = f"voices.{_shown(key)}" + (f".{each.field}" if each.field else "")
        yield FieldError(place, each.message)


def _shown(text: str, most: int = 60) -> str:
    """On one line, whatever somebody has written there."""
    return text.encode("unicode_escape").decode()[:most].removesuffix(".")


def _refusal(sentence: str) -> ValidationFailed:
    return ValidationFailed([FieldError("toml", sentence)])
