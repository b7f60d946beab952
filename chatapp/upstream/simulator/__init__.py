"""An OpenAI-compatible upstream of the project's own: deterministic, labelled, able to fail on request.

The shapes follow https://platform.openai.com/docs/api-reference (chat, models, embeddings, errors).
"""
