"""The backgrounds of our pages, as static/style.css has them."""

from __future__ import annotations

import re

from tests.server import ROOT

NAMES = ("paper", "surface", "side", "own", "code-paper", "bad-paper")
_DARK = "@media screen and (prefers-color-scheme: dark)"


def papers(*, dark: bool) -> list[str]:
    """As `#rrggbb`, each of NAMES once."""
    light_rules, _, rest = (ROOT / "static/style.css").read_text("utf-8").partition(_DARK)
    rules = rest.partition("}")[0] if dark else light_rules
    return [_the_one(re.findall(rf"--{name}: (#[0-9a-f]{{6}});", rules), name) for name in NAMES]


def _the_one(found: list[str], name: str) -> str:
    assert len(found) == 1, f"static/style.css has --{name} {len(found)} times in one scheme"
    return found[0]
