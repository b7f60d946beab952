"""httpx2 under the name that httpx-sse asks for, where httpx itself is not installed: the same client, a version on."""

from httpx2 import *  # noqa: F403
