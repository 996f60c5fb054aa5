"""The server's page, for trying its models in a browser."""
