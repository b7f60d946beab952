"""Two texts side by side: what only one of them says."""
