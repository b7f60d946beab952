"""Minutes under load, with clients that are cut off and workers that are killed: nothing may be lost. `make soak`."""
