"""Where voices are kept and changed on pages: one's own shelf, or the team's, which administrators see to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chatapp.errors import NotFound
from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voice import Scope, Voice
from chatapp.web.administrator import demand_administrator
from chatapp.web.identity import current_account
from chatapp.web.services import services


@dataclass(frozen=True, slots=True)
class Shelf:
    """`owner_id` is None for the team's. Where its voices are seen from, others may lie behind them."""

    owner_id: str | None
    home: str
    """The path of its page, below which each voice has its own."""
    new: str
    """The path of the form for a new one."""

    @property
    def is_team(self) -> bool:
        return self.owner_id is None

    def known(self) -> dict[str, Voice]:
        """Everything that is seen from here, by key, disabled or not."""
        if self.owner_id is not None:
            return services().voices.known(self.owner_id)
        return BUILT_IN | {voice.key: voice for voice in services().voices.made_by(None)}

    def find(self, key: str) -> Voice:
        """Raises NotFound."""
        found = self.known().get(key)
        if found is None:
            raise NotFound
        return found

    def holds(self, voice: Voice) -> bool:
        """Whether it lies here itself, and is not only seen from here."""
        return voice.scope is (Scope.TEAM if self.is_team else Scope.OWN)

    def behind(self, voice: Voice) -> Voice | None:
        """What is there again when `voice` is removed from here."""
        team = [] if self.is_team else services().voices.made_by(None)
        return next((each for each in team if each.key == voice.key), BUILT_IN.get(voice.key))

    def save(self, voice: Voice) -> None:
        """Puts it here, in place of one with its key. Raises NotFound where none is known, TooManyVoices."""
        self.find(voice.key)
        services().voices.put(self.owner_id, [voice])

    def disable(self, key: str, *, disabled: bool) -> None:
        """What is only seen from here gets a copy here. Raises NotFound, TooManyVoices."""
        services().voices.put(self.owner_id, [replace(self.find(key), disabled=disabled)])


def own_shelf() -> Shelf:
    """That of who is signed in."""
    return Shelf(current_account().id, "/voices", "/new-voice")


def team_shelf() -> Shelf:
    """Raises Forbidden for who is no administrator."""
    demand_administrator()
    return Shelf(None, "/team/voices", "/team/new-voice")
