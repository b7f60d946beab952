"""The simulated upstream as a server of its own."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from chatapp.upstream.simulator.server import SimulatorServer


@click.command("simulator")
@click.option("--port", required=True, type=click.IntRange(1, 65_535), help="Where it listens, on 127.0.0.1.")
@with_appcontext
def simulator(port: int) -> None:
    """Serves the simulated model, for any OpenAI-compatible client."""
    server = SimulatorServer(port)
    click.echo(f"Simulated model: OPENAI_BASE_URL=http://127.0.0.1:{port}/v1 (any key)")
    server.serve_forever()
