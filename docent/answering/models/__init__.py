"""Clients of language models: one protocol, two kinds of server."""
