"""Turns: how a message becomes replies. Start, prompt, run, checkpoint, stop, recover."""
