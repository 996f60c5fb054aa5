"""Clients of a server: REST and gRPC."""

from kerasapp.serving.client.client import Client

__all__ = ["Client"]
