from __future__ import annotations

import threading

from chatapp.streaming.waiter import ThreadWaiter


def test_a_wake_before_the_wait_is_not_lost() -> None:
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.wait()


def test_a_wait_ends_with_a_wake_from_another_thread() -> None:
    waiter = ThreadWaiter()
    thread = threading.Thread(target=waiter.wake)
    thread.start()
    waiter.wait()
    thread.join()
