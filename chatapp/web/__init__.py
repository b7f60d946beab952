"""The way in and out: pages, API, streams and commands. Flask lives here, and in app.py."""
