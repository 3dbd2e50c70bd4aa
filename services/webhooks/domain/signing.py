"""Secrets and signatures, as Standard Webhooks has them."""

import base64
import hmac
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def write_secret(random: bytes) -> str:
    """A secret as it is shown, of random bytes."""
    return PREFIX + base64.b64encode(random).decode()


def sign(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header's value: a signature by each secret, the newest first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    made = (
        hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, "sha256")
        for secret in secrets
    )
    return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made)
