"""Identities are short hashes of what they identify, so that doing a thing again names the same thing."""

from __future__ import annotations

import hashlib
import zlib

PARTITIONS = 32
"""A constant on every store, so that positions survive a move between stores."""


def digest(*parts: str | bytes | int | None) -> str:
    """128 bits over the parts as 32 hex digits. Parts are framed by length, so ("ab","c") differs from ("a","bc")."""
    framed: list[bytes] = []
    for part in parts:
        if part is None:
            framed.append(b"-")
            continue
        data = part if isinstance(part, bytes) else str(part).encode()
        framed.append(b"%d:%b" % (len(data), data))
    return hashlib.blake2b(b"".join(framed), digest_size=16).hexdigest()


def partition_of(key: str) -> int:
    """Which of the `PARTITIONS` keeps this key in order; 0..31, the same on every machine and release."""
    return zlib.crc32(key.encode()) % PARTITIONS
