"""Usage in words: amounts that people can read, and nothing where nothing is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient

from chatapp.web.pages.amount import count, dollars, duration
from chatapp.web.pages.usage import usage_of, usage_of_all
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta
from tests.web.conftest import form_token
from tests.web.pages.visit import page_of, posted

USAGE = re.compile(r'<p class="usage"[^>]*>([^<]*)</p>')


@dataclass(frozen=True)
class Reply:
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    total_ms: int | None = None


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0.0, "$0.00"),
        (0, "$0.00"),
        (0.00000975, "$0.0000098"),
        (1e-9, "$0.0000000010"),
        (0.0012165, "$0.0012"),
        (0.00996, "$0.010"),
        (0.012, "$0.012"),
        (0.1, "$0.10"),
        (0.999, "$1.00"),
        (1.0, "$1.00"),
        (12.345, "$12.34"),
        (1234.5, "$1,234.50"),
        (1e9, "$1,000,000,000.00"),
    ],
)
def test_dollars(amount: float, written: str) -> None:
    assert dollars(amount) == written


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0"), (999, "999"), (1234, "1,234"), (10**6, "1,000,000")]
)
def test_counts(number: int, written: str) -> None:
    assert count(number) == written


@pytest.mark.parametrize(
    ("ms", "written"),
    [(0, "0.0 s"), (4249, "4.2 s"), (59_940, "59.9 s"), (59_960, "1 min 0 s"), (125_400, "2 min 5 s")],
)
def test_durations(ms: int, written: str) -> None:
    assert duration(ms) == written


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(1234, 567, 0.0012, 4200), "1,234 tokens in · 567 out · $0.0012 · 4.2 s"),
        (Reply(1234, 567, None, 4200), "1,234 tokens in · 567 out · 4.2 s"),
        (Reply(None, None, None, 4200), "4.2 s"),
        (Reply(0, 0, 0.0, None), "0 tokens in · 0 out · $0.00"),
        (Reply(), ""),
    ],
)
def test_what_a_reply_used(reply: Reply, told: str) -> None:
    assert usage_of(reply) == told


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ([Reply(1000, 5, 0.1), Reply(234, 15, 0.2)], "2 replies · 1,234 tokens in · 20 out · $0.30"),
        (
            [Reply(1, 5, 0.1), Reply(1, 5), Reply(1, 5, 0.1)],
            "3 replies · 3 tokens in · 15 out · $0.20 for 2 of them",
        ),
        ([Reply(1, 5), Reply(1, 5)], "2 replies · 2 tokens in · 10 out"),
        ([Reply(1, 5, 0.1), Reply(total_ms=9)], "1 of 2 replies · 1 tokens in · 5 out · $0.10"),
        ([Reply(1, 5, 0.1)], "1 reply · 1 tokens in · 5 out · $0.10"),
        ([Reply(None, 5), Reply(None, 6)], "2 replies · 11 tokens out"),
        ([Reply(), Reply()], ""),
        ([], ""),
    ],
)
def test_what_all_replies_used(replies: list[Reply], told: str) -> None:
    assert usage_of_all(replies) == told


def test_the_page_tells_what_each_reply_used_and_their_sum(browser: FlaskClient) -> None:
    where = posted(browser)
    page_of(browser.get(where))
    page = page_of(browser.get(where))
    assert len(USAGE.findall(page)) == 1, "one reply is no sum"
    assert re.fullmatch(r"5 tokens in · 15 out · \d+\.\d s", USAGE.findall(page)[0])
    for _ in range(2):
        fields = {"csrf_token": form_token(browser, "/"), "message": "Hi", "voices": ["seeker", "explorer"]}
        browser.post(f"{where}/messages", data=fields)
        page_of(browser.get(where))
    told = USAGE.findall(page_of(browser.get(where)))
    assert [each for each in told if "replies" in each] == ["2 replies · 10 tokens in · 30 out"] * 2
    assert len(told) == 1 + 2 * 3


def test_nothing_is_told_of_a_reply_that_is_being_written(
    browser: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    where = posted(browser)
    browser.set_cookie("js", "1")
    assert USAGE.findall(page_of(browser.get(where))) == []
