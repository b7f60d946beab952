"""The pages. Importing this package gives the blueprint its views."""

from chatapp.web.pages import account, api_token, colours, conversation, reply, turn

__all__ = ["account", "api_token", "colours", "conversation", "reply", "turn"]
