"""The turnstile: a few pieces of work for each round of the event loop."""

from __future__ import annotations

import gevent
from flask import Flask

from chatapp.web.turnstile import Turnstile
from tests.web.conftest import Person, bearer_client
from tests.web.rounds import rounds

SOME = 20


def test_one_goes_through_in_each_round_and_in_their_order() -> None:
    turnstile, passed = Turnstile(round_s=0.0), []

    def work(number: int) -> None:
        turnstile.go_through()
        passed.append((number, counted.count))

    with rounds() as counted:
        gevent.joinall([gevent.spawn(work, number) for number in range(SOME)], raise_error=True)
    assert [number for number, _ in passed] == list(range(SOME))
    assert len({at for _, at in passed}) == SOME


def test_short_pieces_share_a_round() -> None:
    turnstile, passed = Turnstile(round_s=60.0), []

    def work() -> None:
        turnstile.go_through()
        passed.append(counted.count)

    with rounds() as counted:
        gevent.joinall([gevent.spawn(work) for _ in range(SOME)], raise_error=True)
    assert len(set(passed)) == 2, "the first at once, the others in the next round"


def test_nobody_waits_where_nobody_is() -> None:
    turnstile = Turnstile()
    with rounds() as counted:
        turnstile.go_through()
        assert counted.count == 0
        while counted.count < 3:
            gevent.sleep(0.001)
        at = counted.count
        turnstile.go_through()
        assert counted.count == at


def test_who_gives_up_keeps_nobody_from_going_through() -> None:
    turnstile, passed = Turnstile(), []

    def work(number: int) -> None:
        turnstile.go_through()
        passed.append(number)

    waiting = [gevent.spawn(work, number) for number in range(4)]
    gevent.sleep(0)  # all of them are at the turnstile now
    waiting[1].kill(block=False)
    waiting[2].kill(block=False)
    gevent.joinall(waiting, timeout=10)
    assert passed == [0, 3]


def test_requests_that_come_together_leave_room_for_others(app: Flask, person: Person) -> None:
    clients = [bearer_client(app, person) for _ in range(SOME)]
    assert clients[0].get("/api/auth/user").status_code == 200
    with rounds() as counted:
        asked = [gevent.spawn(client.get, "/api/auth/user") for client in clients]
        answers = [each.get(timeout=30) for each in asked]
        assert counted.count >= 2
    assert {answered.status_code for answered in answers} == {200}
