"""The colours of voices, as pages show them."""
