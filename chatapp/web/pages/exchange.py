"""Exchanges: a question and what the voices replied, as the page shows them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from chatapp.web.pages.shown import ShownMessage, colours_of, shown_message
from chatapp.web.pieces import Pieces


@dataclass(frozen=True, slots=True)
class ShownReply:
    """What one voice replied, or one merge of all: its newest try, and those before it, oldest first.

    `chosen_id` is the try that the conversation goes on from, if it is one of these. `choice` is the one that it can
    go on from, `offers_again` says that the voice can be asked once more; both now, and by whoever looks."""

    message: ShownMessage
    earlier: tuple[ShownMessage, ...]
    chosen_id: str | None
    offers_again: bool
    choice: ShownMessage | None


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """A question, where it is on this page; one reply of each voice that was asked, in the order in which they were;
    and the merge of them, if there is one. `turn_id` is the question's turn, `newest_turn_id` the last that brought a
    reply, `id` the question's own."""

    id: str
    turn_id: str
    question: ShownMessage | None
    replies: tuple[ShownReply, ...]
    merge: ShownReply | None
    is_newest: bool

    @property
    def is_running(self) -> bool:
        return any(each.message.is_running for each in self.all_replies)

    @property
    def is_several(self) -> bool:
        """Whether they are shown side by side."""
        return len(self.replies) > 1

    @property
    def newest_turn_id(self) -> str:
        """Who merges says by it what they have seen: the same is merged once."""
        return max(each.message.turn_id for each in self.all_replies)

    @property
    def all_replies(self) -> tuple[ShownReply, ...]:
        return (*self.replies, self.merge) if self.merge else self.replies

    @property
    def every_try(self) -> list[ShownMessage]:
        return [each for reply in self.all_replies for each in (*reply.earlier, reply.message)]

    @property
    def offers_merge(self) -> bool:
        with_text = [each for each in self.replies if each.message.content]
        return self.is_newest and not self.is_running and len(with_text) > 1

    @property
    def again_turn_id(self) -> str | None:
        """The turn of which several voices can be asked again at once, if there is one."""
        turns = [each.message.turn_id for each in self.replies if each.offers_again]
        return next((each for each in turns if turns.count(each) > 1), None)


def shown_exchanges(
    rows: Sequence[Any], pieces: Pieces, goes_on_from: str | None, *, newest: bool
) -> list[ShownExchange]:
    """Messages, oldest first, made in `pieces`. What comes after them goes on from the message `goes_on_from`;
    `newest` says that nothing does yet."""
    grouped = [list(group) for _, group in groupby(rows, key=question_of)]
    chosen = [after[0].parent_id for _, after in pairwise(grouped)]
    last = len(grouped) - 1
    return [
        _exchange(group, _messages(group, pieces), chosen_id, newest and at == last)
        for at, (group, chosen_id) in enumerate(zip(grouped, [*chosen, goes_on_from], strict=False))
    ]


def _messages(rows: Sequence[Any], pieces: Pieces) -> list[ShownMessage]:
    colours = colours_of(rows)
    return list(pieces.between(shown_message(row, colours) for row in rows))


def question_of(row: Any) -> str:
    """The question that a message is, or replies to. Who replies to nothing stands alone."""
    found: str = row.id if row.role == "user" else row.parent_id or row.id
    return found


def begun_with_a_question(rows: Sequence[Any], most: int) -> Sequence[Any]:
    """Of messages, oldest first, the last `most` at most, without those whose question would be left behind: they are
    on the page before with it. An exchange that is longer than a page is cut all the same."""
    if len(rows) <= most:
        return rows
    kept = rows[-most:]
    begin = next((at for at, row in enumerate(kept) if row.role == "user"), 0)
    return kept[begin:]


def _exchange(
    rows: Sequence[Any], messages: Sequence[ShownMessage], chosen_id: str | None, is_newest: bool
) -> ShownExchange:
    question = messages[0] if messages[0].role == "user" else None
    tries = _tries(messages[1:] if question else messages)
    is_open = is_newest and not any(each.is_running for each in messages)
    replies = [_reply(each, chosen_id, is_open, len(tries) > 1) for each in tries]
    return ShownExchange(
        question_of(rows[0]),
        messages[0].turn_id,
        question,
        tuple(each for each in replies if not each.message.is_merge),
        next((each for each in replies if each.message.is_merge), None),
        is_newest,
    )


def _tries(replies: Sequence[ShownMessage]) -> list[list[ShownMessage]]:
    """The tries of each voice, and of merges, oldest first."""
    found: dict[tuple[str | None, bool], list[ShownMessage]] = {}
    for reply in replies:
        found.setdefault((None if reply.is_merge else reply.voice, reply.is_merge), []).append(reply)
    return list(found.values())


def _reply(tries: Sequence[ShownMessage], chosen_id: str | None, is_open: bool, beside: bool) -> ShownReply:
    """`is_open` says that more can be asked of this exchange, `beside` that there is a choice."""
    *earlier, newest = tries
    chosen = next(
        (each.id for each in tries if each.id == chosen_id and (each.content or each.is_running)), None
    )
    with_text = next((each for each in reversed(tries) if each.content), None)
    return ShownReply(
        newest,
        tuple(earlier),
        chosen if beside else None,
        offers_again=is_open and not newest.is_whole,
        choice=with_text if is_open and beside else None,
    )
