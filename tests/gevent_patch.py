"""A pytest plugin that patches the process as wsgi.py does. Load it with `-p tests.gevent_patch`.

The browser tests run without it: Playwright has an event loop of its own.
"""

from gevent import monkey

monkey.patch_all()
