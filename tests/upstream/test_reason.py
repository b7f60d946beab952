"""Upstream's words, made safe."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.upstream.reason import REASON_LENGTH, safe_reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Too long.", "Too long."),
        ("a\r\nb\tc\u2028d", "a b c d"),
        ("a\x00b\x1b[31m\u202ec\u200b", "ab[31mc"),
        ("key sk-abcdef123456.", "key [hidden]"),
        ("key sk-proj-abc_DEF-123, no", "key [hidden], no"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: [hidden]"),
        ("my own key my-own-secret-key here", "my own key [hidden] here"),
        ("sk-ab\u200bcdef123456", "[hidden]"),
        ("ask-anything is a word; task-force too", "ask-anything is a word; task-force too"),
        ("", ""),
        ("\ud800", ""),
    ],
)
def test_reasons(text: str, shown: str) -> None:
    assert safe_reason(text, "my-own-secret-key") == shown


def test_a_placeholder_key_hides_no_ordinary_word() -> None:
    assert safe_reason("none of these", "none") == "none of these"


@settings(deadline=None)
@given(
    st.text(max_size=900),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40),
)
def test_a_reason_is_one_short_line_without_the_key(text: str, key: str) -> None:
    shown = safe_reason(text + key + text, key)
    assert len(shown) <= REASON_LENGTH
    assert shown == " ".join(shown.split())
    assert shown.isprintable()
    assert key not in shown or key in "[hidden]"
