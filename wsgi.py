"""The WSGI entry point. gevent patches before anything else is imported: every library below then waits
cooperatively."""

from gevent import monkey

monkey.patch_all()

import sys

from chatapp.app import create_app
from chatapp.errors import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    sys.exit(f"chatapp cannot start: {error.message}")
