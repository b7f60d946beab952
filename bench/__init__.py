"""What a relayed token costs: this product beside nginx and a plain Flask view. Run it with `make bench`."""
