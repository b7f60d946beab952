"""Passwords: Argon2id, and the same work for nobody."""

from __future__ import annotations

import time

import gevent
import pytest

from chatapp.accounts.password import hash_password, verify_password


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password("correct horse")


def cpu_s(hashed: str | None) -> float:
    """What three verifications cost, as the operating system counts it for all threads."""
    before = time.process_time()
    for _ in range(3):
        verify_password(hashed, "wrong")
    return time.process_time() - before


def test_a_hash_is_argon2id_and_salted(hashed: str) -> None:
    assert hashed.startswith("$argon2id$")
    assert hash_password("correct horse") != hashed
    assert "correct" not in hashed


def test_a_password_matches_its_hash_alone(hashed: str) -> None:
    assert verify_password(hashed, "correct horse")
    for password in ("Correct horse", "", "correct horse ", "\0", "\ud800"):
        assert not verify_password(hashed, password)


def test_nobody_has_a_password() -> None:
    sentence = "the password of nobody, so that an unknown e-mail takes as long as a known one"
    for password in ("", sentence):
        assert verify_password(None, password) is False


def test_nobody_costs_as_much_as_somebody(hashed: str) -> None:
    assert cpu_s(None) > cpu_s(hashed) / 3


@pytest.mark.parametrize("broken", ["x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_hash_that_cannot_be_read_matches_nothing(broken: str) -> None:
    assert verify_password(broken, "correct horse") is False


def test_hashing_lets_everything_else_go_on(hashed: str) -> None:
    beats = 0

    def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            gevent.sleep(0.001)

    beating = gevent.spawn(beat)
    verify_password(hashed, "correct horse")
    beating.kill()
    assert beats > 1, "nothing else ran while a password was hashed"
