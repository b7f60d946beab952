"""What is promised: SQLAlchemy models, the database behind them, and its migrations."""
