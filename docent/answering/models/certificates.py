"""How a model server proves who it is; the same for every protocol."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


def certificates(url: str) -> ssl.SSLContext:
    """What a client of this address checks a certificate against."""
    return _read(checked=url.startswith("https"))


@cache
def _read(*, checked: bool) -> ssl.SSLContext:
    """Once, and not for every question: the authorities' certificates take 20 ms to read."""
    return httpx.create_ssl_context(verify=checked, trust_env=False)
