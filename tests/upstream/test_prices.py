"""What answers cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatapp.errors import ConfigurationError
from chatapp.upstream.prices import Prices
from chatapp.upstream.usage import Usage


def test_the_contracts_example_to_the_last_digit() -> None:
    cost = Prices.load().cost("gpt-4o-mini", Usage(5, 15))
    assert cost == 0.00000975
    assert repr(cost) == "9.75e-06"


def test_millions() -> None:
    assert Prices.load().cost("gpt-4o", Usage(1_000_000, 1_000_000)) == 12.5


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("unknown", Usage(5, 15)),
        ("gpt-6-luna", Usage(5, 15)),
        ("gpt-4o", Usage(None, 15)),
        ("gpt-4o", Usage(5, None)),
    ],
)
def test_what_is_not_known_is_not_free(model: str, usage: Usage) -> None:
    assert Prices.load().cost(model, usage) is None


def test_a_list_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[models."local"]\nin = 0\nout = 1\n')
    prices = Prices.load(path)
    assert prices.cost("local", Usage(7, 2)) == 0.000002
    assert prices.cost("gpt-4o", Usage(7, 2)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models = 3",
        "[models",
        "[models.a]\nin = 1",
        '[models.a]\nin = "1"\nout = 1',
        "[models.a]\nin = true\nout = 1",
        "[models.a]\nin = -1\nout = 1",
        "[models.a]\nin = nan\nout = 1",
        "[models.a]\nin = inf\nout = 1",
        "[models]\na = 3",
    ],
)
def test_a_bad_list_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"^CHATAPP_PRICES: "):
        Prices.load(path)


def test_bytes_that_are_no_text_stop_the_start(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"^CHATAPP_PRICES: "):
        Prices.load(path)
