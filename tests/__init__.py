"""A package, so that tests/bench is never taken for bench itself."""
