from __future__ import annotations

from pathlib import Path

import pytest

from chatapp.turns.record import GenerationEnd, TurnLost, TurnRecord
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.turns.house import house


def test_a_generation_that_has_ended_stays_as_it_is(database_url: str, tmp_path: Path) -> None:
    """With several voices the turn still runs when one of them has ended: its own state has to guard it."""
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn, _ = here.say()
        generation = turn.generations[0]
        columns = dict.fromkeys(GenerationEnd.COLUMNS) | {"status": "partial", "provider_retry_count": 0}
        late = GenerationEnd(generation.id, generation.message_id, "other text", columns)
        with pytest.raises(TurnLost):
            TurnRecord(here.database, "an owner").end(late, None)
        reply = here.replies(turn.session_id)[0]
        assert (reply.content, reply.status) == ("a", "complete")
