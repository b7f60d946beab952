"""The API's description: what stands beside each view, put together as OpenAPI."""
