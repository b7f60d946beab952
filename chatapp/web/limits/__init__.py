"""Limits per time: how often somebody may do what costs something. Counted by Flask-Limiter, in this process or in
Redis."""
