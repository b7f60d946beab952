"""What counting open streams keeps to, in memory and in Redis; and when processes or Redis die, freeze, come back."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import gevent
import pytest

from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.streams.open_streams import OpenStream, OpenStreams, StreamsHere, TooManyStreams
from chatapp.web.streams.shared_streams import SharedStreams, streams_key
from tests.hand_clock import HandClock
from tests.turns.house import until
from tests.valkey import RunningValkey
from tests.web.conftest import LogLines

PATIENT_S = 10
LIMIT = 3
ANN, BEN = "ann", "ben"

MakeStreams = Callable[..., SharedStreams]


@pytest.fixture
def make_streams() -> Iterator[MakeStreams]:
    made: list[SharedStreams] = []

    def make(
        url: str, *, patience_s: float = PATIENT_S, clock: HandClock | None = None, **more: int
    ) -> SharedStreams:
        redis = SharedRedis(url, patience_s=patience_s, clock=clock or HandClock())
        made.append(SharedStreams(redis, LIMIT, **more))
        return made[-1]

    yield make
    for streams in made:
        streams.close()


@pytest.fixture(params=["memory", "redis"])
def streams(request: pytest.FixtureRequest, make_streams: MakeStreams) -> OpenStreams:
    return (
        StreamsHere(LIMIT)
        if request.param == "memory"
        else make_streams(request.getfixturevalue("redis_url"))
    )


def opened(streams: OpenStreams, count: int = LIMIT, user_id: str = ANN) -> list[OpenStream]:
    return [streams.open(user_id) for _ in range(count)]


def is_full(streams: OpenStreams, user_id: str = ANN) -> bool:
    try:
        streams.open(user_id).release()
    except TooManyStreams:
        return True
    return False


def test_a_user_has_as_many_as_the_limit(streams: OpenStreams) -> None:
    places = opened(streams)
    with pytest.raises(TooManyStreams) as refused:
        streams.open(ANN)
    assert (refused.value.status, refused.value.limit) == (429, LIMIT)
    assert refused.value.retry_after_s > 0
    opened(streams, user_id=BEN)
    places.pop().release()
    assert not is_full(streams)


def test_what_is_released_twice_is_free_once(streams: OpenStreams) -> None:
    first, *others = opened(streams)
    for _ in range(5):
        first.release()
    others += opened(streams, 1)
    assert is_full(streams)


def test_a_refused_one_takes_no_place(streams: OpenStreams) -> None:
    places = opened(streams)
    assert all(is_full(streams) for _ in range(5))
    for place in places:
        place.release()
    assert len(opened(streams)) == LIMIT


def test_a_crowd_gets_no_more_than_the_limit(streams: OpenStreams) -> None:
    asking = [gevent.spawn(streams.open, ANN) for _ in range(30)]
    gevent.joinall(asking, timeout=30)
    assert sum(each.successful() for each in asking) == LIMIT
    assert {type(each.exception) for each in asking} == {type(None), TooManyStreams}


def test_processes_count_together(redis_url: str, make_streams: MakeStreams) -> None:
    one, other = make_streams(redis_url), make_streams(redis_url)
    places = [*opened(one, 2), *opened(other, 1)]
    assert is_full(one)
    assert is_full(other)
    places.pop().release()
    assert not is_full(one)


def test_the_streams_of_a_killed_process_lapse_and_those_of_others_do_not(
    redis_url: str, make_streams: MakeStreams
) -> None:
    killed, living = make_streams(redis_url, life_s=2), make_streams(redis_url, life_s=2)
    lost, kept = opened(killed, 2), opened(living, 1)
    assert is_full(living)
    killed.close()
    until(lambda: not is_full(living))
    lost += opened(living, 2)
    until(lambda: is_full(living))
    assert kept


def test_what_nobody_holds_any_more_is_free_by_and_by(redis_url: str, make_streams: MakeStreams) -> None:
    streams = make_streams(redis_url, life_s=2)
    places = opened(streams)
    places.clear()
    gc.collect()
    until(lambda: not is_full(streams))


def test_in_memory_it_is_free_at_once() -> None:
    streams = StreamsHere(LIMIT)
    places = opened(streams)
    places.clear()
    gc.collect()
    assert not is_full(streams)


def test_nothing_is_left_behind(
    redis_url: str, make_streams: MakeStreams, shared_valkey: RunningValkey
) -> None:
    streams = make_streams(redis_url)
    places = opened(streams)
    assert 0 < int(shared_valkey.redis.ttl(streams_key(ANN))) <= 31
    for place in places:
        place.release()
    streams.renew()
    assert shared_valkey.redis.keys("*") == []


def test_a_redis_that_has_lost_everything_is_told_again(
    valkey: RunningValkey, make_streams: MakeStreams
) -> None:
    clock = HandClock()
    one, other = make_streams(valkey.url, clock=clock), make_streams(valkey.url, clock=clock)
    places = opened(one)
    valkey.kill()
    assert is_full(one), "those of this process are known to it"
    assert not is_full(other), "and to no other"
    valkey.start()
    clock.wait(10)
    one.renew()
    assert is_full(other)
    places.pop().release()
    assert not is_full(other)


def test_what_was_opened_and_closed_without_redis_counts_right_afterwards(
    valkey: RunningValkey, make_streams: MakeStreams, log_lines: LogLines
) -> None:
    clock = HandClock()
    streams = make_streams(valkey.url, clock=clock)
    valkey.kill()
    places = opened(streams)
    assert is_full(streams)
    places.pop().release()
    valkey.start()
    clock.wait(10)
    streams.renew()
    places += opened(streams, 1)
    assert is_full(streams)
    assert len(log_lines.of("Limits not shared")) == len(log_lines.of("Limits shared again")) == 1


def test_opening_asks_redis_once(
    redis_url: str, make_streams: MakeStreams, shared_valkey: RunningValkey
) -> None:
    streams = make_streams(redis_url)
    opened(streams, 1)[0].release()  # the script is known, and the connection made
    before = _commands(shared_valkey)
    place = streams.open(ANN)
    assert _commands(shared_valkey) - before == {"evalsha": 1}.get("evalsha", 0) + 1, (
        "and this question itself"
    )
    place.release()


def _commands(valkey: RunningValkey) -> int:
    """Commands that came from outside so far."""
    told = valkey.redis.info("commandstats")
    assert isinstance(told, dict)
    return sum(
        int(told.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "zrem", "eval", "info")
    )
