"""What the product costs: a token beside nginx and a plain Flask view, further readers, the log in Redis, an idle
stream, a long conversation. Run it with `make bench`."""
