"""chatapp: a team's own chat with OpenAI-compatible models.

Nothing is imported here, so that each layer can be loaded, tested and measured without those above it.
"""
