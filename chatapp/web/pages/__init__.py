"""The pages. Importing this package gives the blueprint its views."""

from chatapp.web.pages import account, conversation, turn

__all__ = ["account", "conversation", "turn"]
