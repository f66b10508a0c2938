"""Make up keys of the right length that nobody takes for real ones."""

import base64
import hashlib


def fake_key(name: str, seed: int, kind: str, length: int) -> str:
    """Return `length` letters and digits, at most 86, that begin with `sim`."""
    digest = hashlib.sha512(f"{seed}/{name}/{kind}".encode()).digest()
    return f"sim{base64.b64encode(digest, altchars=b'xy').decode()}"[:length]
