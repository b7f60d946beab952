"""What Flask-Limiter's storage keeps to, in memory and in Redis; and when Redis dies, freezes and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.limits.storage import KEYS, LimitStorage
from chatapp.web.limits.windows import Windows
from tests.hand_clock import HandClock
from tests.turns.house import until
from tests.valkey import RunningValkey
from tests.web.conftest import LogLines

PATIENT_S = 10
"""Longer than any machine is slow."""


MakeStorage = Callable[..., LimitStorage]


@pytest.fixture
def make() -> Iterator[MakeStorage]:
    """Makes storages in Redis, as processes do."""
    made: list[SharedRedis] = []

    def make(
        url: str, *, patience_s: float = PATIENT_S, clock: Callable[[], float] = time.monotonic
    ) -> LimitStorage:
        made.append(SharedRedis(url, patience_s=patience_s, clock=clock))
        return LimitStorage("chatapp://", windows=Windows(), redis=made[-1])

    yield make
    for redis in made:
        redis.close()


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest, make: MakeStorage) -> LimitStorage:
    if request.param == "memory":
        return LimitStorage("chatapp://", windows=Windows())
    return make(request.getfixturevalue("redis_url"))


def test_as_many_as_the_limit_are_let_in(storage: LimitStorage) -> None:
    assert [storage.acquire_entry("k", 3, 60) for _ in range(5)] == [True] * 3 + [False] * 2
    assert storage.acquire_entry("another", 3, 60)


def test_the_window_tells_its_oldest_and_how_many(storage: LimitStorage) -> None:
    began = time.time()
    assert storage.get_moving_window("k", 3, 60)[1] == 0
    storage.acquire_entry("k", 3, 60)
    between = time.time()
    storage.acquire_entry("k", 3, 60)
    oldest, count = storage.get_moving_window("k", 3, 60)
    assert count == 2
    assert began <= oldest <= between


def test_a_window_moves_on(storage: LimitStorage) -> None:
    assert storage.acquire_entry("k", 1, 1)
    assert not storage.acquire_entry("k", 1, 1)
    until(lambda: storage.acquire_entry("k", 1, 1))


def test_what_is_cleared_is_forgotten(storage: LimitStorage) -> None:
    assert storage.acquire_entry("k", 1, 60)
    storage.clear("k")
    assert storage.acquire_entry("k", 1, 60)


def test_processes_share_what_they_count(make: MakeStorage, redis_url: str) -> None:
    one, other = make(redis_url), make(redis_url)
    assert [each.acquire_entry("k", 3, 60) for each in (one, other, one, other, one)] == [True] * 3 + [
        False
    ] * 2


def test_keys_have_our_prefix_and_an_end(
    make: MakeStorage, redis_url: str, shared_valkey: RunningValkey
) -> None:
    storage = make(redis_url)
    storage.acquire_entry("k", 3, 60)
    (key,) = shared_valkey.redis.keys("*")
    assert key == f"{KEYS}:k".encode()
    assert 0 < int(shared_valkey.redis.ttl(key)) <= 60


def test_while_redis_is_down_a_process_counts_alone(
    make: MakeStorage, valkey: RunningValkey, log_lines: LogLines
) -> None:
    clock = HandClock()
    storage = make(valkey.url, clock=clock)
    assert storage.acquire_entry("k", 2, 600)
    valkey.kill()
    assert [storage.acquire_entry("k", 2, 600) for _ in range(3)] == [True, True, False]
    for _ in range(100):
        clock.wait(1)
        storage.acquire_entry("k", 2, 600)
    away = log_lines.of("Limits not shared")
    assert len(away) == 2, "one when it begins, and one a minute"
    assert away[0]["counted"] == 0
    assert away[1]["counted"] > 50
    valkey.start()
    clock.wait(5)
    assert [storage.acquire_entry("k", 2, 600) for _ in range(3)] == [True, True, False]
    (back,) = log_lines.of("Limits shared again")
    assert back["counted"] == 103


def test_a_frozen_redis_holds_up_one_and_not_the_others(
    make: MakeStorage, valkey: RunningValkey, log_lines: LogLines
) -> None:
    clock = HandClock()
    storage = make(valkey.url, patience_s=0.1, clock=clock)
    until(lambda: bool(storage.acquire_entry("warm", 10_000, 600)) and not _alone(storage))
    valkey.freeze()
    try:
        assert storage.acquire_entry("k", 1, 600)
        assert not any(storage.acquire_entry("k", 1, 600) for _ in range(1000))
        assert storage.redis is not None
        assert storage.redis.ask(lambda: "waited for", lambda: "left alone") == "left alone"
    finally:
        valkey.thaw()
    assert len(log_lines.of("Limits not shared")) == 1

    def is_shared() -> bool:
        clock.wait(5)
        storage.acquire_entry("warm", 10_000, 600)
        return not _alone(storage)

    until(is_shared)
    assert len(log_lines.of("Limits shared again")) >= 1


def _alone(storage: LimitStorage) -> bool:
    """Whether the last question went unanswered."""
    redis = storage.redis
    assert redis is not None
    return redis.is_away


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:9/0", "unix:///nowhere/redis.sock", "rediss://127.0.0.1:9/0"]
)
def test_a_redis_that_is_not_there_is_no_error(make: MakeStorage, url: str) -> None:
    storage = make(url)
    assert [storage.acquire_entry("k", 1, 60) for _ in range(2)] == [True, False]
    assert storage.get_moving_window("k", 1, 60)[1] == 1
    storage.clear("k")
    assert storage.acquire_entry("k", 1, 60)


def test_a_key_of_another_kind_is_no_error(
    make: MakeStorage, redis_url: str, shared_valkey: RunningValkey, log_lines: LogLines
) -> None:
    """Somebody else's data under our name, a Redis that takes no writes: whatever it is, it is told and lived with."""
    shared_valkey.redis.set(f"{KEYS}:k", "no list")
    assert make(redis_url).acquire_entry("k", 1, 60)
    assert "WRONGTYPE" in log_lines.of("Limits not shared")[0]["reason"]


def test_a_unix_socket_will_do(make: MakeStorage, tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningValkey(socket=tmp_path_factory.mktemp("v") / "s") as valkey:
        one, other = make(valkey.socket_url), make(valkey.url)
        assert one.acquire_entry("k", 1, 60)
        assert not other.acquire_entry("k", 1, 60)
