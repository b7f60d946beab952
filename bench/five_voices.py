"""wsgi.py with five voices, whatever the product itself registers: several generations of a turn can be measured."""

from gevent import monkey

monkey.patch_all()

from dataclasses import replace  # noqa: E402  # patched first

from bench.contender import VOICES as KEYS  # noqa: E402
from chatapp.turns.voice import SEEKER, VOICES  # noqa: E402

for key in KEYS:
    VOICES.setdefault(key, replace(SEEKER, key=key, name=key.title()))

from wsgi import app  # noqa: E402  # the application is made on this line, with all of them

__all__ = ["app"]
