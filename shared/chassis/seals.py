"""Keeping a secret where others may look: encrypted, and proven to be unchanged."""

import hashlib
import hmac
import json
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
ALGORITHMS: Final = ["dir", "A256GCM"]


class Seal:
    """Seals and opens by a key that is made from a secret, for one purpose only."""

    def __init__(self, secret: str, purpose: str) -> None:
        key = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
        self._key = OctKey.import_key(key)

    def close(self, content: dict[str, Any]) -> str:
        """Make a text (JWE, compact) that tells nothing to who has not the key."""
        return jwe.encrypt_compact(HEADER, json.dumps(content), self._key, ALGORITHMS)

    def open(self, sealed: str) -> dict[str, Any] | None:
        """What was sealed; None where it was changed, or sealed by another key."""
        try:
            opened = jwe.decrypt_compact(sealed, self._key, ALGORITHMS)
            content = json.loads(opened.plaintext or b"")
        except (JoseError, ValueError):
            return None
        return content if isinstance(content, dict) else None
