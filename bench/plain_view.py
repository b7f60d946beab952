"""The view that everybody writes first: Flask, gunicorn's gevent worker, the SDK's object for every chunk.

No accounts, no history, nothing saved: what chatapp is measured against.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402  # patched first
from collections.abc import Iterator  # noqa: E402

from flask import Flask, Response, request  # noqa: E402
from openai import OpenAI  # noqa: E402

app = Flask(__name__)
client = OpenAI()


@app.post("/chat")
def chat() -> Response:
    model, message = request.json["model"], request.json["message"]

    def events() -> Iterator[str]:
        chunks = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": message}], stream=True
        )
        with chunks:
            for chunk in chunks:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield f"data: {json.dumps({'content': chunk.choices[0].delta.content})}\n\n"
        yield 'data: {"done":true}\n\n'

    return Response(events(), mimetype="text/event-stream")
