"""The stylesheet of voices' colours: its name, its rules, and the route that serves it."""

from __future__ import annotations

import re

import pytest
from flask import Flask, has_request_context, render_template
from hypothesis import given
from hypothesis import strategies as some

from chatapp.web.colours.shade import shades
from chatapp.web.colours.stylesheet import MOST_COLOURS, colours_of, name_of, stylesheet
from tests.statements import statements

COLOUR = some.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
HUNDRED = [f"#0000{number:02x}" for number in range(MOST_COLOURS)]
NOT_NAMES = [
    "2F6F8F",  # one way to write a colour
    "8a5a00-2f6f8f",  # one order
    "2f6f8f-2f6f8f",  # each once
    "2f6f8",
    "2f6f8f-",
    "-2f6f8f",
    "2f6f8f8a5a00",
    "2f6f8f--8a5a00",
    "2f6f8g",
    "２f6f8f",
    "2f6f8f%0A",
    "%232f6f8f",
    "2f6f8f.css",
    "-".join([*(each[1:] for each in HUNDRED), "0000ff"]),
]


@given(some.lists(COLOUR, max_size=MOST_COLOURS, unique=True))
def test_a_name_holds_its_colours(colours: list[str]) -> None:
    assert (colours_of(name_of(reversed(colours))) or []) == sorted(colours)


def test_what_is_no_colour_is_passed_over() -> None:
    assert (
        name_of([None, "", "red", "#2f6f8f", "#2f6f8f", "#2F6F8F", "#8a5a00", "#8a5a00\n"]) == "2f6f8f-8a5a00"
    )
    assert name_of([None]) == ""


def test_a_page_of_more_colours_names_the_first() -> None:
    assert colours_of(name_of(["#ffffff", *HUNDRED])) == [*HUNDRED[:-1], "#ffffff"]


def test_the_rules() -> None:
    light, dark = shades("#2e7d4f")
    assert stylesheet(["#2e7d4f"]) == (
        f'[data-colour="2e7d4f"] {{ --voice: {light}; }}\n'
        "@media screen and (prefers-color-scheme: dark) {\n"
        f'  [data-colour="2e7d4f"] {{ --voice: {dark}; }}\n'
        "}\n"
    )
    assert light != "#2e7d4f" != dark


def test_anybody_gets_it_and_keeps_it(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("chatapp_session", "s.whatever")
    with statements(has_request_context) as asked:
        answered = client.get("/colours/2f6f8f-8a5a00.css")
    assert asked == []
    assert (answered.status_code, answered.mimetype) == (200, "text/css")
    assert answered.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert not {"Vary", "Set-Cookie"} & set(answered.headers.keys())
    assert answered.get_data(as_text=True) == stylesheet(["#2f6f8f", "#8a5a00"])


def test_the_largest(app: Flask) -> None:
    answered = app.test_client().get(f"/colours/{name_of(HUNDRED)}.css")
    assert answered.status_code == 200
    assert answered.get_data(as_text=True).count("--voice") == 2 * MOST_COLOURS


@pytest.mark.parametrize("name", NOT_NAMES)
def test_another_name_is_missing(app: Flask, name: str) -> None:
    answered = app.test_client().get(f"/colours/{name}.css")
    assert answered.status_code == 404
    assert answered.headers["Cache-Control"] == "no-store"


def test_the_link(app: Flask) -> None:
    with app.test_request_context():
        with_colours = render_template("_colours.html", colours=["#8a5a00", None, "#2f6f8f"])
        without = render_template("_colours.html", colours=[None])
    assert re.findall(r'href="([^"]*)"', with_colours) == ["/static/swatch.css", "/colours/2f6f8f-8a5a00.css"]
    assert re.findall(r'href="([^"]*)"', without) == ["/static/swatch.css"]
