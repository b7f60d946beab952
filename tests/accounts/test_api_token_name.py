"""Names of API tokens: what is shown is what was written."""

from __future__ import annotations

import pytest

from chatapp.accounts.api_token_name import checked_token_name
from chatapp.errors import ValidationFailed


@pytest.mark.parametrize(
    "name",
    [
        "ci",
        "a b",
        "Grüße",
        "日本　語",
        "می‌خواهم",
        "👩‍💻 laptop",
        "<b>&\"'",
        "x" * 128,
        "שלום",
        "1\u00a0000",
        "⠓⠊",
    ],
)
def test_a_name_is_kept_as_it_was_written(name: str) -> None:
    assert checked_token_name(name) == checked_token_name(f"  {name}\n") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " \t\n\u3000",
        "x" * 129,
        "a\nb",
        "a\rb",
        "a\tb",
        "a\0b",
        "a\x1b[31mred",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\u202egnp.exe",
        "a\u2066b",
        "a\u200fb",
        "\ufeffa",
        "a\u200bb",
        "a\u00adb",
        "\u200d",
        "\u200c\u200d",
        "\u3164",
        "\u2800\u200d\uffa0",
        "\ud800",
        "\ue000",
        "a\U000e0041",
    ],
)
def test_what_cannot_be_shown_on_a_line_is_no_name(name: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        checked_token_name(name)
    (fault,) = caught.value.errors
    assert fault.field == "name"
