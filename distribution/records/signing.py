"""The Ed25519 key that signs records: a file outside the database.

A record proves no more than that whoever has the key made it. `openssl pkeyutl -verify -rawin`
checks a signature without any code of ours.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

KEY_ID_CHARACTERS = 16


class KeyUnusable(Exception):  # noqa: N818  # a state of the installation
    """RECORD_KEY_FILE holds no Ed25519 key that can be read; the message says what to do."""


class Key:
    """A private key and its name, the beginning of the public key's hash."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.id = key_id(self.public_pem)

    def sign(self, manifest: bytes) -> bytes:
        return self._private.sign(manifest)


def load() -> Key:
    """The key of RECORD_KEY_FILE, made if there is no such file. Raises KeyUnusable."""
    path = Path(settings.RECORD_KEY_FILE)
    try:
        if not path.exists():
            _make(path)
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyUnusable(
            f"RECORD_KEY_FILE: {path.name} can't be used ({type(error).__name__}). Give the path "
            "of an Ed25519 key: openssl genpkey -algorithm ed25519 -out FILE."
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyUnusable(f"RECORD_KEY_FILE: {path.name} isn't an Ed25519 key.")
    return Key(private)


def _make(path: Path) -> None:
    """Two processes may try: the file is linked into place, so that one of them wins whole."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def key_id(public_pem: bytes) -> str:
    return hashlib.sha256(public_pem).hexdigest()[:KEY_ID_CHARACTERS]


def is_signed(manifest: bytes, signature: bytes, public_pem: bytes) -> bool:
    """Whether that key signed these bytes. A text that is no Ed25519 key signed nothing."""
    try:
        key = serialization.load_pem_public_key(public_pem)
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(signature, manifest)
    except (InvalidSignature, ValueError):
        return False
    return True
