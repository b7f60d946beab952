"""Forms: parsed as the standard has it, in pieces."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Flask, request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.web.form import MOST_FIELDS
from tests.web.rounds import rounds

FORM = "application/x-www-form-urlencoded"


def fields_of(app: Flask, body: bytes) -> list[tuple[str, str]]:
    with app.test_request_context("/sign-in", method="POST", data=body, content_type=FORM):
        request.max_content_length = 1_000_000
        return list(request.form.items(multi=True))


def in_their_order(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """As a MultiDict tells them: by name."""
    names = dict.fromkeys(name for name, _ in fields)
    return [(name, value) for name in names for named, value in fields if named == name]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
@settings(deadline=None)
def test_a_form_is_what_was_filled_in(standing_app: Flask, fields: list[tuple[str, str]]) -> None:
    fields = [(_writable(name), _writable(value)) for name, value in fields]
    body = urlencode(fields).encode()
    assert fields_of(standing_app, body) == in_their_order(parse_qsl(body.decode(), keep_blank_values=True))


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@given(st.text("%4a1+&=é", max_size=40))
@example("%")
@example("a=%4")
@example("a&b=&=c&&a=%zz")
@settings(deadline=None)
def test_any_body_is_read_as_python_reads_it(standing_app: Flask, body: str) -> None:
    expected = parse_qsl(body, keep_blank_values=True, errors="replace")
    assert fields_of(standing_app, body.encode()) == in_their_order(expected)


def test_an_escape_is_never_cut_in_two(standing_app: Flask) -> None:
    for before in range(4090, 4100):
        body = b"a=" + b"x" * before + b"%C3%A9" * 3000
        assert fields_of(standing_app, body) == [("a", "x" * before + "é" * 3000)]


def test_a_form_of_too_many_fields_is_taken_for_an_empty_one(standing_app: Flask) -> None:
    assert len(fields_of(standing_app, b"&".join([b"a=1"] * MOST_FIELDS))) == MOST_FIELDS
    assert fields_of(standing_app, b"&".join([b"a=1"] * (MOST_FIELDS + 1))) == []


def test_a_long_form_lets_others_have_their_turn(standing_app: Flask) -> None:
    letters = 43_000
    with rounds() as counted:
        fields = fields_of(standing_app, b"a=" + b"%C3%A9" * letters)
        assert counted.count > 2
    assert fields == [("a", "é" * letters)]
