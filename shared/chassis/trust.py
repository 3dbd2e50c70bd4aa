"""Whose certificates are believed where this process asks others by HTTPS."""

import ssl
from functools import cache

import httpx2


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that all HTTPS clients of this process share: reading them takes long."""
    return httpx2.create_ssl_context()
