"""Which models are offered, and which of them is the default."""

from __future__ import annotations

import pytest

from chatapp.config import Settings
from chatapp.errors import UpstreamFailure
from chatapp.upstream.catalogue import Catalogue, well_formed
from chatapp.upstream.failures import SERVER_ERROR

LISTED = ("a", "gpt-6-luna", "b")


def catalogue(*listed: str, **variables: object) -> Catalogue:
    found = Catalogue(Settings.model_validate(variables), lambda: listed)
    found.refresh()
    return found


def test_before_upstream_was_asked_any_well_formed_name_will_do() -> None:
    found = Catalogue(Settings(), lambda: LISTED)
    assert (found.known, found.names, found.default) == (False, (), "gpt-6-luna")
    assert found.offers("anything/at-all:7b")
    assert not found.offers("no spaces")


def test_then_it_is_what_upstream_lists() -> None:
    found = catalogue(*LISTED)
    assert (found.known, found.names, found.default) == (True, LISTED, "gpt-6-luna")
    assert found.offers("b")
    assert not found.offers("c")


def test_a_fixed_list_is_known_at_once_and_upstream_is_not_asked() -> None:
    def never() -> tuple[str, ...]:
        raise AssertionError("nobody should ask")

    found = Catalogue(Settings.model_validate({"CHATAPP_MODELS": "x, y"}), never)
    found.refresh()
    assert (found.known, found.names, found.default) == (True, ("x", "y"), "x")


def test_the_first_model_stands_in_for_a_default_that_nobody_chose() -> None:
    assert catalogue("x", "y").default == "x"


def test_a_default_that_was_chosen_stays_and_is_offered() -> None:
    found = catalogue("x", CHATAPP_DEFAULT_MODEL="mine")
    assert (found.default, found.names) == ("mine", ("mine", "x"))
    assert found.offers("mine")


def test_an_empty_list_and_odd_names_say_nothing() -> None:
    assert not catalogue().known
    assert not catalogue("", "bad name").known
    assert catalogue("bad name", "x").names == ("x",)


def test_a_failure_leaves_what_was_known() -> None:
    answers = [LISTED]

    def listed() -> tuple[str, ...]:
        if not answers:
            raise SERVER_ERROR.failure()
        return answers.pop()

    found = Catalogue(Settings(), listed)
    found.refresh()
    with pytest.raises(UpstreamFailure):
        found.refresh()
    assert found.names == LISTED


@pytest.mark.parametrize("name", ["gpt-4o", "org/model:7b@q4_K+x.gguf", "a", "x" * 128])
def test_well_formed(name: str) -> None:
    assert well_formed(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "ü", "x" * 129, "<b>", "\0"])
def test_not_well_formed(name: str) -> None:
    assert not well_formed(name)
