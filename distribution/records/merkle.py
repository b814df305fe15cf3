"""A Merkle tree over rows, as in RFC 6962: one root proves every row, and rows can be left out.

A leaf is the hash of a salt and the row. Without the salt nobody can find an erased row by trying
what it may have been; its leaf still stands, and so does the root.
"""

from __future__ import annotations

import hashlib
import secrets

SALT_BYTES = 16
LEAF, NODE = b"\x00", b"\x01"  # a leaf is never taken for a node


def new_salt() -> str:
    """In hex."""
    return secrets.token_hex(SALT_BYTES)


def leaf_hash(salt: str, row: bytes) -> bytes:
    return hashlib.sha256(LEAF + bytes.fromhex(salt) + row).digest()


class Tree:
    """The root of leaves added one after the other; memory grows with the logarithm only."""

    def __init__(self) -> None:
        self.leaves = 0
        self._perfect: list[tuple[int, bytes]] = []  # (leaves below, hash), the largest first

    def add(self, leaf: bytes) -> None:
        self.leaves += 1
        size, node = 1, leaf
        while self._perfect and self._perfect[-1][0] == size:
            _, left = self._perfect.pop()
            size, node = 2 * size, _join(left, node)
        self._perfect.append((size, node))

    @property
    def root(self) -> str:
        """In hex; of no leaves, the hash of nothing."""
        if not self._perfect:
            return hashlib.sha256(b"").hexdigest()
        *rest, (_, node) = self._perfect
        for _, left in reversed(rest):
            node = _join(left, node)
        return node.hex()


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
