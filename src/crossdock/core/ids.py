"""Identities are short hashes of what they identify, so that doing a thing again names the same thing. Only a Work, and
what comes in with it, has a name that is given once."""

from __future__ import annotations

import hashlib
import zlib

import msgspec

PARTITIONS = 32
"""A constant on every store, so that positions survive a move between stores."""

_framed = msgspec.msgpack.Encoder().encode


def digest(*parts: str | bytes | int | None) -> str:
    """128 bits over the parts as 32 hex digits. Each part is framed (MessagePack), so ("ab","c") differs from
    ("a","bc")."""
    return hashlib.blake2b(_framed(parts), digest_size=16).hexdigest()


def partition_of(key: str) -> int:
    """Which of the `PARTITIONS` keeps this key in order; 0..31, the same on every machine and release."""
    return zlib.crc32(key.encode()) % PARTITIONS
