"""Markdown becomes the HTML that was meant, and nothing that runs, loads or takes long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from chatapp.web.markdown.limits import MAX_HIGHLIGHTED, MAX_SOURCE, MAX_URL
from chatapp.web.markdown.renderer import render
from tests.web.markdown.hostile import MORSELS, assert_harmless, hostile_text

REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>"),
        ("# One\n\n## Two\n\n###### Six", "<h3>One</h3>\n<h4>Two</h4>\n<h6>Six</h6>"),
        ("[a](https://b.example 'c')", f'<p><a href="https://b.example" title="c" {REL}>a</a></p>'),
        ("[a](mailto:b@c.example)", f'<p><a href="mailto:b@c.example" {REL}>a</a></p>'),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("a\\\nb\n\n---", "<p>a<br>\nb</p>\n<hr>"),
        ("```\n<b>\n```", '<div class="md-code"><pre tabindex="0"><code>&lt;b&gt;\n</code></pre></div>'),
        ("    a", '<div class="md-code"><pre tabindex="0"><code>a\n</code></pre></div>'),
    ],
)
def test_markdown(source: str, html: str) -> None:
    assert render(source).strip() == html


def test_code_has_its_language_and_colours() -> None:
    html = render("```python\ndef f(): ...\n```")
    assert '<div class="md-language">python</div>' in html
    assert '<span class="k">def</span>' in html


@pytest.mark.parametrize("info", ["brainfuck", 'html" onload="x', "<b>", "c#", "💡"])
def test_any_language_may_be_claimed(info: str) -> None:
    html = render(f"```{info}\nx < 1\n```")
    assert "&lt;" in html
    assert_harmless(html)


def test_tables_align_by_class() -> None:
    html = render("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |")
    assert '<div class="md-table" tabindex="0"><table>' in html
    assert '<td class="md-left">1</td>\n<td class="md-center">2</td>\n<td class="md-right">3</td>' in html


def test_tasks() -> None:
    html = render("- [x] a\n- [ ] b")
    assert '<ul class="md-tasks">' in html
    assert '<li class="md-task"><input type="checkbox" disabled="" checked=""> a</li>' in html
    assert '<li class="md-task"><input type="checkbox" disabled=""> b</li>' in html


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("See https://a.example/b_(c).", "https://a.example/b_(c)"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("**http://a.example:80/?b=c&d=e**", "http://a.example:80/?b=c&amp;d=e"),
        ("<https://a.example>", "https://a.example"),
    ],
)
def test_bare_addresses_become_links(source: str, link: str) -> None:
    assert f'<a href="{link}" {REL}>{link}</a>' in render(source)


@pytest.mark.parametrize(
    "source", ["xhttps://a.example", "https://", "`https://a.example`", "ftp://a.example"]
)
def test_what_is_no_address(source: str) -> None:
    assert "<a" not in render(source)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/sign-out",
        "//evil.example",
        "#a",
        "x" * MAX_URL,
        "vbscript:x",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    assert "href" not in render(f"[a]({address}) ![a]({address}) <{address}>")


def test_images_become_links() -> None:
    assert render("![*a* b](https://c.example/d)") == f'<p><a href="https://c.example/d" {REL}>a b</a></p>\n'
    assert render("![](https://c.example/d)") == f'<p><a href="https://c.example/d" {REL}>image</a></p>\n'
    assert render("[![a](https://b.example)](https://c.example)").count("<a ") == 1


@given(hostile_text())
@settings(max_examples=400, deadline=None)
def test_no_text_does_harm(text: str) -> None:
    assert_harmless(render(text))


@pytest.mark.parametrize("text", MORSELS)
def test_known_attacks_do_no_harm(text: str) -> None:
    assert_harmless(render(text))
    assert_harmless(render(f"> - {text}\n\n*{text}*\n\n| {text} |\n|---|\n"))


def test_a_source_over_the_limit_is_plain_text() -> None:
    html = render("*a* <b> \ud800\n" * MAX_SOURCE)
    assert html.startswith('<div class="md-code"><pre tabindex="0">*a* &lt;b&gt; \ufffd\n')
    assert_harmless(html)


BOMBS = [
    "> ",
    "- ",
    "[",
    "![",
    "[a](",
    "*a_ ",
    "**a",
    "`",
    "`a``",
    "$",
    "$a",
    "$$\n",
    "\\[",
    "<",
    "<a ",
    "&",
    "|",
    "a|b\n-|-\n",
    "- [ ] a\n",
    "http://",
    "https://a)",
    "![a](https://b) ",
    "- > ",
    "```\n",
    "\t",
    "\\",
    "(",
    "x",
    "$x^{$ ",
    "$\\frac{1}{2}$ ",
    "```py\nx='a'\n```\n",
    "\\[ x",
    "[a]: https://b\n",
    "~~~php\n<?php $a\n~~~\n",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_burn_out(bomb: str) -> None:
    """Each takes well below a second; without the limits some take minutes."""
    html = render((bomb * MAX_SOURCE)[:MAX_SOURCE])
    assert len(html) < 60 * MAX_SOURCE


@pytest.mark.parametrize("language", ["python", "php", "html", "perl", "ruby", "markdown", "tex"])
def test_long_code_stays_plain(language: str) -> None:
    assert "<span" not in render(f"```{language}\n{'a = 1' * MAX_HIGHLIGHTED}\n```")
    assert "<span" not in render(f"```{language}\n" + "a = 1\n" * MAX_HIGHLIGHTED + "```")
