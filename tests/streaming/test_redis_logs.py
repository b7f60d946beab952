"""Shared logs in a real Redis, and without it: what is written there, and what happens when it goes and comes back."""

from __future__ import annotations

from typing import Any

import gevent
import msgspec
import pytest

from chatapp.streaming.event import done, spoken_by, token
from chatapp.streaming.event_log import EventLog
from chatapp.streaming.mirror import Mirror
from chatapp.streaming.redis_entry import ENTRIES, FIELD, decoded, encoded, inbox_key, log_key
from chatapp.streaming.redis_logs import SharedLogsUnavailable
from tests.streaming.processes import Process, process
from tests.turns.house import until
from tests.valkey import RunningValkey

HERE, THERE = "a" * 32, "b" * 32


def _texts(mirror: Mirror) -> list[str]:
    return [event.data["text"] for event in mirror.log.events_after(0) if event.name == "token"]


def _mirror(there: Process, log: EventLog) -> Mirror:
    mirror = there.logs.mirror(log.id)
    assert mirror is not None
    return mirror


def _say(log: EventLog, *texts: str) -> None:
    for text in texts:
        log.append(token(text))


def test_a_log_in_redis_is_bounded_and_expires(redis_url: str, shared_valkey: RunningValkey) -> None:
    log, redis = EventLog(), shared_valkey.redis
    with process(redis_url, HERE) as here:
        here.logs.share(log)
        _say(log, "a")
        until(lambda: redis.xlen(log_key(log.id)))
        until(lambda: 0 < redis.ttl(log_key(log.id)) <= 3600)
        log.append(done("stop"))
        until(lambda: 0 < redis.ttl(log_key(log.id)) <= 120)
        written: Any = redis.xinfo_stream(log_key(log.id))
        assert written["last-generated-id"] == b"2-0"
    assert ENTRIES < 100_000


def test_a_mirror_is_one_for_all_who_ask(redis_url: str) -> None:
    log = EventLog()
    with process(redis_url, HERE) as here, process(redis_url, THERE) as there:
        here.logs.share(log)
        mirror = _mirror(there, log)
        assert there.logs.mirror(log.id) is mirror
        there.logs.release(mirror)
        assert there.logs.mirror(log.id) is not mirror


def test_a_released_mirror_grows_no_more(redis_url: str) -> None:
    log = EventLog()
    with process(redis_url, HERE) as here, process(redis_url, THERE) as there:
        here.logs.share(log)
        released = _mirror(there, log)
        there.logs.release(released)
        kept = _mirror(there, log)
        _say(log, "a")
        until(lambda: _texts(kept) == ["a"])
        assert _texts(released) == []


def test_a_nudge_arrives(redis_url: str) -> None:
    with process(redis_url, HERE) as here, process(redis_url, THERE) as there:
        here.logs.nudge(THERE)
        until(lambda: there.nudges)
        assert here.nudges == 0


def test_the_inbox_is_bounded_and_expires(redis_url: str, shared_valkey: RunningValkey) -> None:
    with process(redis_url, HERE) as here:
        here.logs.nudge(THERE)
        until(lambda: 0 < shared_valkey.redis.ttl(inbox_key(THERE)) <= 60)


def test_while_redis_is_away_nobody_here_waits(valkey: RunningValkey) -> None:
    log = EventLog()
    with process(valkey.url, HERE) as here:
        here.logs.share(log)
        _say(log, "a")
        valkey.kill()
        with gevent.Timeout(1):
            _say(log, *"bcd")
            here.logs.nudge(THERE)
        assert log.end == 4
        with pytest.raises(SharedLogsUnavailable):
            here.logs.check()
        assert here.logs.mirror("0" * 20) is None


def test_a_redis_that_comes_back_empty_gets_the_whole_log(valkey: RunningValkey) -> None:
    log = EventLog()
    with process(valkey.url, HERE) as here, process(valkey.url, THERE) as there:
        here.logs.share(log)
        _say(log, "a", "b")
        mirror = _mirror(there, log)
        until(lambda: _texts(mirror) == ["a", "b"])
        valkey.kill()
        _say(log, "c")
        gevent.sleep(0)
        valkey.start()
        _say(log, "d")
        until(lambda: _texts(mirror) == ["a", "b", "c", "d"], 20)
        late = Mirror(log.id)
        there.logs.release(mirror)
        late = _mirror(there, log)
        assert _texts(late) == ["a", "b", "c", "d"]


def test_a_redis_that_was_flushed_gets_the_whole_log(redis_url: str, shared_valkey: RunningValkey) -> None:
    log = EventLog()
    with process(redis_url, HERE) as here, process(redis_url, THERE) as there:
        here.logs.share(log)
        _say(log, "a", "b")
        mirror = _mirror(there, log)
        until(lambda: _texts(mirror) == ["a", "b"])
        shared_valkey.flush()
        _say(log, "c")
        until(lambda: _texts(mirror) == ["a", "b", "c"])
        there.logs.release(mirror)
        until(lambda: _texts(_mirror(there, log)) == ["a", "b", "c"])
        log.append(done("stop"))
        until(lambda: _mirror(there, log).log.closed)


def test_a_redis_that_does_not_answer_keeps_nobody(valkey: RunningValkey) -> None:
    log = EventLog()
    with process(valkey.url, HERE) as here:
        here.logs.share(log)
        _say(log, "a")
        until(lambda: valkey.redis.xlen(log_key(log.id)))
        valkey.freeze()
        with gevent.Timeout(1):
            _say(log, "b", "c")
        with gevent.Timeout(8), pytest.raises(SharedLogsUnavailable):
            here.logs.check()
        valkey.thaw()
        until(lambda: _entry_ids(valkey, log)[-1:] == [b"3-0"], 20)
        with process(valkey.url, THERE) as there:
            assert _texts(_mirror(there, log)) == ["a", "b", "c"]


def test_a_redis_that_does_not_answer_is_not_waited_for_by_one_after_another(valkey: RunningValkey) -> None:
    with process(valkey.url, THERE) as there:
        valkey.freeze()
        with gevent.Timeout(8):
            assert [there.logs.mirror(EventLog().id) for _ in range(10)] == [None] * 10
        valkey.thaw()
        until(lambda: there.logs.mirror(EventLog().id), 20)


def test_an_entry_that_is_written_twice_is_there_once(valkey: RunningValkey) -> None:
    """The answer to a write was lost, and the write was not."""
    log = EventLog()
    with process(valkey.url, HERE) as here, process(valkey.url, THERE) as there:
        here.logs.share(log)
        valkey.redis.xadd(log_key(log.id), {FIELD: encoded([token("a")])}, id="1-0")
        _say(log, "a")
        _say(log, "b")
        until(lambda: _texts(_mirror(there, log)) == ["a", "b"])


def test_a_gap_breaks_a_mirror(redis_url: str, shared_valkey: RunningValkey) -> None:
    log_id = EventLog().id
    with process(redis_url, THERE) as there:
        shared_valkey.redis.xadd(log_key(log_id), {FIELD: encoded([token("a")])}, id="1-0")
        mirror = there.logs.mirror(log_id)
        assert mirror is not None
        shared_valkey.redis.xadd(log_key(log_id), {FIELD: encoded([token("c")])}, id="3-0")
        until(lambda: mirror.broken)
        assert _texts(mirror) == ["a"]
        assert there.logs.mirror(log_id) is None, "what is not whole is not begun with"


def test_entries_keep_the_shape_that_processes_of_an_earlier_version_read() -> None:
    events = [token("a"), spoken_by("muse", token("b")), done("stop")]
    entry = encoded(events)
    assert msgspec.msgpack.decode(entry) == [
        ["token", {"text": "a"}],
        ["token", {"text": "b", "voice": "muse"}],
        ["done", {"finish_reason": "stop"}],
    ]
    assert decoded(entry) == events


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x91\xc0", encoded([])])
def test_what_is_none_of_ours_is_not_believed(
    redis_url: str, shared_valkey: RunningValkey, payload: bytes
) -> None:
    log_id = EventLog().id
    shared_valkey.redis.xadd(log_key(log_id), {FIELD: payload}, id="2-0")
    with process(redis_url, THERE) as there:
        assert there.logs.mirror(log_id) is None


def test_a_long_silence_behind_a_long_answer_is_written_in_parts(
    redis_url: str, shared_valkey: RunningValkey
) -> None:
    log = EventLog()
    _say(log, *map(str, range(1000)))
    with process(redis_url, HERE) as here, process(redis_url, THERE) as there:
        here.logs.share(log)
        until(lambda: shared_valkey.redis.xlen(log_key(log.id)) == 4)
        assert _texts(_mirror(there, log)) == list(map(str, range(1000)))


def _entry_ids(valkey: RunningValkey, log: EventLog) -> list[bytes]:
    entries: Any = valkey.redis.xrange(log_key(log.id))
    return [entry_id for entry_id, _ in entries]
