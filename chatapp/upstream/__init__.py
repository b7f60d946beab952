"""The model provider: one openai client, a decoder of what it streams, a simulator for want of a key."""
