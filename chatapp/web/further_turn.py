"""Further turns: voices that are asked again, and merges, for the pages and the API alike.

Whoever presses twice, or in two tabs, asks once: where a request has no name of its own, it is named by what it asks
again, with a colon in the name, which no client's own has: otherwise a message could be sent under that name, and what
it names be refused from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from chatapp.errors import Conflict, FieldError, ValidationFailed
from chatapp.turns.new_turn import Further, NewTurn
from chatapp.turns.tries import Tries, Try
from chatapp.turns.turns import FollowedTurn
from chatapp.turns.voice import Voice
from chatapp.web.api.message_body import asked_voices, idempotency_key, scenario
from chatapp.web.identity import current_account
from chatapp.web.limits.limits import limits
from chatapp.web.request_id import request_id
from chatapp.web.services import services


class VoiceGone(Conflict):
    """The voice is not offered any more."""

    code = "VOICE_GONE"

    def __init__(self) -> None:
        super().__init__("This voice is no longer offered, so it cannot be asked again.")


def asked_again(tries: Tries, one: Try) -> FollowedTurn:
    """The turn in which the voice of that try, and no other, is asked once more. For a try that is not its voice's
    newest any more, the one that came of it. Raises VoiceGone, and what Turns.begin raises."""
    key, since = idempotency_key(None), tries.after(one)
    if key is None and since is not None:
        limits().count_message()
        return services().answering.turns.follow(current_account().id, since.turn_id)
    return _begun(
        tries, _as_before(_offered([one])), key or f"again:{one.generation_id}", is_merge=one.is_merge
    )


def all_asked_again(tries: Tries, turn_id: str) -> FollowedTurn | None:
    """The turn in which every voice whose newest reply is not whole is asked once more, as far as it is still
    offered; None where there is nothing to ask. If that turn brought a merge that is not whole, or only the merge is
    not, it is merged once more. Raises VoiceGone where no voice is left, and what Turns.begin raises."""
    voices, merge = tries.not_whole(), tries.merge_not_whole()
    if merge is not None and (not voices or merge.turn_id == turn_id):
        return asked_again(tries, merge)
    if not voices:
        return None
    there = _offered(voices)
    if len(there) == 1:
        return asked_again(tries, there[0])
    named = _named("again", *(each.generation_id for each in there))
    return _begun(tries, _as_before(there), named, is_merge=False)


def merged(tries: Tries, turn_id: str, voice: str | None) -> FollowedTurn:
    """The turn in which one voice, the default one if none is named, makes one answer of all replies. Raises
    ValidationFailed for a voice that is not offered, and what Turns.begin raises."""
    try:
        voices = asked_voices(None if voice is None else [voice])
    except ValidationFailed as error:
        raise ValidationFailed([FieldError("voice", error.message)]) from None
    named = _named("merge", tries.state_at(turn_id), voices[0].key)
    return _begun(tries, voices, idempotency_key(None) or named, is_merge=True)


def _offered(wanted: Sequence[Try]) -> Sequence[Try]:
    """Those whose voices are still offered, and no more than may answer at once."""
    offered = services().voices.offered(current_account().id)
    there = [each for each in wanted if each.voice in offered]
    if not there:
        raise VoiceGone
    return there[: services().settings.voices_per_turn]


def _as_before(wanted: Sequence[Try]) -> tuple[Voice, ...]:
    """The voices of these tries, each with the model that answered, where that is still offered."""
    offered, catalogue = services().voices.offered(current_account().id), services().answering.catalogue
    voices = ((offered[each.voice], each.model) for each in wanted)
    return tuple(replace(voice, model=model) if catalogue.offers(model) else voice for voice, model in voices)


def _named(what: str, *parts: str) -> str:
    return f"{what}:{sha256(' '.join(parts).encode()).hexdigest()[:32]}"


def _begun(tries: Tries, voices: tuple[Voice, ...], key: str, *, is_merge: bool) -> FollowedTurn:
    new = NewTurn(
        user_id=current_account().id,
        message="",
        request_id=request_id(),
        voices=voices,
        session_id=tries.session_id,
        client_message_id=key,
        scenario=scenario(),
        further=Further(tries.question_id, is_merge),
    )
    limits().count_message()
    _, turn = services().answering.turns.begin(new)
    turn.start()
    return turn
