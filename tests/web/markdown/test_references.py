"""Marks of voices in a merged answer: links to what they said, and nothing else, whatever surrounds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.web.markdown.blocks import BlockStream
from chatapp.web.markdown.references import MOST_LINKS, Reference
from chatapp.web.markdown.renderer import render
from tests.web.markdown.hostile import MORSELS, assert_harmless

KNOWN = (
    Reference("explorer", "Explorer", "e" * 32, "8a5a00"),
    Reference("x-1", 'X" <b>&', "f" * 32, "2f6f8f"),
)
LINK = f'<a class="voice-reference" href="#reply-{"e" * 32}" data-colour="8a5a00">Explorer</a>'


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("It is blue [@explorer].", f"<p>It is blue {LINK}.</p>"),
        ("**[@explorer]**", f"<p><strong>{LINK}</strong></p>"),
        ("[@explorer][@explorer]", f"<p>{LINK}{LINK}</p>"),
        ("# A [@explorer]", f"<h3>A {LINK}</h3>"),
        ("([@explorer])", f"<p>({LINK})</p>"),
        ("[@explorer](https://b.example)", f"<p>{LINK}("),
        ("- [@explorer]", f"<ul>\n<li>{LINK}</li>\n</ul>"),
    ],
)
def test_a_mark_is_a_link_to_the_reply(source: str, html: str) -> None:
    assert render(source, KNOWN).strip().startswith(html)


def test_in_a_table() -> None:
    assert f"<td>{LINK}</td>" in render("| a |\n|---|\n| [@explorer] |", KNOWN)


def test_a_hostile_name_is_text() -> None:
    assert ">X&#34; &lt;b&gt;&amp;</a>" in render("[@x-1]", KNOWN)


@pytest.mark.parametrize(
    "source",
    [
        "`[@explorer]`",
        "```\n[@explorer]\n```",
        "    [@explorer]",
        "$[@explorer]$",
        "\\[@explorer]",
        "[@Explorer]",
        "[@explorer ]",
        "[@maintainer]",
        "[@explorer",
        "@explorer",
        "![[@explorer]](https://b.example/x.png)",
        "https://b.example/[@explorer]",
        "[a](https://b.example '[@explorer]')",
    ],
)
def test_what_is_no_mark_of_a_known_voice_stays_text(source: str) -> None:
    html = render(source, KNOWN)
    assert "voice-reference" not in html
    assert "#reply" not in html
    assert_harmless(html)


def test_links_are_not_put_into_links() -> None:
    """As with any link in another's text, the inner one counts."""
    html = render("[a [@explorer] b](https://b.example)", KNOWN)
    assert html.startswith(f"<p>[a {LINK} b](<a href=")


def test_without_known_voices_there_are_no_links() -> None:
    assert render("[@explorer]") == "<p>[@explorer]</p>\n"
    assert render("[@explorer]", KNOWN) != render("[@explorer]", KNOWN[1:])


def test_a_text_cannot_make_up_what_a_link_looks_like() -> None:
    html = render(f"{LINK} [a](#reply-{'e' * 32}) {'0' * 32}:explorer;", KNOWN)
    assert "<a" not in html


def test_a_text_of_nothing_but_marks_does_not_make_a_page_a_hundred_times_as_long() -> None:
    html = render("[@explorer] " * (MOST_LINKS + 2), KNOWN)
    assert html.count(LINK) == MOST_LINKS
    assert html.count("[@explorer]") == 2
    assert render("[@explorer]", KNOWN).count(LINK) == 1, "counted for each text"


def outside(html: str) -> str:
    """`html` without the links that are ours."""
    for each in KNOWN:
        html = html.replace(each.html, "")
    return html


SOURCES = st.lists(st.sampled_from([*MORSELS, "[@explorer]", "[@x-1]", "[@", "]", "("]), max_size=12).map(
    "".join
)


@settings(deadline=None, max_examples=150)
@given(SOURCES)
def test_harmless_among_anything(source: str) -> None:
    html = render(source, KNOWN)
    assert_harmless(outside(html))
    assert html.count("voice-reference") == html.count('href="#reply-')


@settings(deadline=None, max_examples=30)
@given(SOURCES)
def test_harmless_at_every_prefix(source: str) -> None:
    for end in range(len(source)):
        assert_harmless(outside(render(source[:end], KNOWN)))


def test_the_blocks_of_a_reply_that_is_written_have_them_too() -> None:
    stream = BlockStream(KNOWN)
    blocks = [html for letter in "One [@explorer]\n\ntwo" for html in stream.feed(letter)]
    assert [*map(str.strip, blocks)] == [f"<p>One {LINK}</p>"]
