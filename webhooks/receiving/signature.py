"""Whether a webhook comes from Meta: HMAC-SHA256 over the raw bytes, and the handshake's token.

Comparisons take the same time whatever is wrong, and nothing here reveals what would have been
right.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

HEADER = "X-Hub-Signature-256"  # the older X-Hub-Signature is SHA-1 and ignored
SHAPE = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)
CHALLENGE = re.compile(r"[0-9]{1,32}", re.ASCII)


def is_shaped(header: str) -> bool:
    """Whether the header could be a signature at all; if not, the body need not be read."""
    return SHAPE.fullmatch(header) is not None


def verify(body: bytes, header: str, secrets: Sequence[str]) -> int | None:
    """The index in `secrets` of the one that signed `body`, or None.

    All secrets are compared every time, so the duration does not reveal which one is right.
    """
    received = header.encode("ascii") if is_shaped(header) else b""
    signer = None
    for index, secret in enumerate(secrets):
        if hmac.compare_digest(sign(body, secret).encode("ascii"), received) and signer is None:
            signer = index
    return signer


def sign(body: bytes, secret: str) -> str:
    """The header's value for `body`: sha256= and 64 lower-case hex digits."""
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


def is_our_token(given: str, expected: str) -> bool:
    """Whether the handshake has our verify token; an empty one never matches."""
    named = given.encode(errors="surrogatepass")  # any caller's URL may hold anything
    return bool(expected) and hmac.compare_digest(named, expected.encode())


def is_challenge(text: str) -> bool:
    """Whether it is safe to send back: digits only, so that no HTML is echoed."""
    return CHALLENGE.fullmatch(text) is not None
