"""Formulas are found where people write them, and money is not one."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.web.markdown.formulas import mathml
from chatapp.web.markdown.limits import MAX_BRACES, MAX_FORMULA
from chatapp.web.markdown.renderer import render
from tests.web.markdown.hostile import assert_harmless


@pytest.mark.parametrize(
    "source", ["$x^2$", "\\(x^2\\)", "a ($x^2$)", "*$x^2$*", "$x\n^2$", "| $x^2$ |\n|---|\n"]
)
def test_inline(source: str) -> None:
    html = render(source)
    assert '<math display="inline">' in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html


@pytest.mark.parametrize(
    "source",
    [
        "$$x$$",
        "$$\nx\n$$",
        "\\[x\\]",
        "\\[\nx\n\\]",
        "a $$x$$ b",
        "$$\n\nx\n\n$$",
        "- a\n  $$\n  x\n  $$",
        "> \\[ x \\]",
    ],
)
def test_display(source: str) -> None:
    html = render(source)
    assert html.count('<math display="block"><mrow><mi>x</mi></mrow></math>') == 1
    assert "$" not in html


@pytest.mark.parametrize(
    "source",
    [
        "$5 and $6",
        "$5-$10",
        "US$5 or US$",
        "$ x $",
        "`$x$`",
        "\\$x\\$",
        "$x",
        "$$",
        "$$\n\n$$",
        "$HOME/$PATH",
        "```\n$x$\n```",
        "    $x$",
        "\\\\(x\\\\)",
        "$$\nx",
    ],
)
def test_what_is_no_formula(source: str) -> None:
    assert "<math" not in render(source)


def test_text_around_a_formula_stays() -> None:
    assert render("a\n$$\nx\n$$\nb").startswith("<p>a</p>\n<div")
    assert render("a\n$$\nx\n$$\nb").endswith("<p>b</p>\n")


@pytest.mark.parametrize(
    "latex",
    [
        "\\frac{",
        "\\left(",
        "x_1_2",
        "\\begin{matrix}",
        "x" * (MAX_FORMULA + 1),
        "{" * (MAX_BRACES + 1),
        "\\newcommand{\\a}{\\b\\b}\\a",
        "\\def\\a{\\a\\a}\\a",
        "x^" * 400,
        "\\sqrt" * 300,
        "\\left(" * 200,
    ],
)
def test_what_cannot_be_converted_is_code(latex: str) -> None:
    assert mathml(latex, display=False).startswith("<code>")


COMMANDS = [
    "\\frac",
    "\\left(",
    "\\right)",
    "{",
    "}",
    "_",
    "^",
    "&",
    "\\\\",
    "\\begin{matrix}",
    "\\end{matrix}",
    "\\text{",
    "x",
]
MORE = [
    "\\href{a}",
    "\\class{a}",
    "\\unicode{",
    "\\color{red}",
    "\\verb|",
    "'",
    "\\limits",
    "\\sqrt[",
    "]",
    "\\over",
    "\\hspace",
    "%",
]


@given(
    st.text(max_size=60) | st.lists(st.sampled_from(COMMANDS + MORE), max_size=25).map("".join), st.booleans()
)
@settings(max_examples=500, deadline=None)
@example("\\rule", False)
@example("\\hspace{}", False)
def test_any_formula_is_survived(latex: str, display: bool) -> None:
    assert mathml(latex, display=display)
    assert_harmless(render(f"$${latex}$$"))
