"""Events, logs, subscribers and frames: what a stream is, without any server, database or model.

Nothing here imports Flask, SQLAlchemy, openai or gevent, so that it can be tested, fuzzed and measured alone. Redis,
through which processes share logs, is known in `redis_*.py` alone, behind `shared_logs.py`.
"""
