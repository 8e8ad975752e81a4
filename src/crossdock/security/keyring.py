"""The keys that the vault is locked with. They live outside the store, so that a copy of the store opens nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossdock.core.errors import CrossdockError

KEY_BYTES = 32
NONCE_BYTES = 12
VARIABLE = "CROSSDOCK_VAULT_KEY"
FILE = Path(".crossdock") / "vault.key"


class KeyringError(CrossdockError):
    """No usable key: nothing is read, and above all nothing is written."""


class Kek:
    """A key encryption key. `id` is public and names it in what it has locked; the key itself never shows."""

    __slots__ = ("_aes", "_key", "id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyringError(f"a vault key has {KEY_BYTES} bytes, this one {len(key)}")
        self._key = key
        self._aes = AESGCM(key)
        self.id = hashlib.sha256(b"crossdock vault key\0" + key).hexdigest()[:16]

    @classmethod
    def generate(cls) -> Kek:
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Kek:
        """From base64. Raises KeyringError."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except (binascii.Error, ValueError):
            raise KeyringError("a vault key is not base64") from None

    def text(self) -> str:
        """The key itself, to be written to its file."""
        return base64.b64encode(self._key).decode()

    def seal(self, data: bytes, about: bytes) -> bytes:
        """AES-256-GCM under a fresh nonce, bound to what it is `about`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, data, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """None when it was altered, or sealed by another key or about something else."""
        try:
            return self._aes.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None

    def __repr__(self) -> str:
        return f"Kek({self.id})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The current key first, then those that may still be needed: while keys are changed there are two."""

    keys: tuple[Kek, ...]

    @property
    def current(self) -> Kek:
        return self.keys[0]

    def get(self, kek_id: str) -> Kek | None:
        return next((kek for kek in self.keys if kek.id == kek_id), None)

    def with_new(self, kek: Kek) -> Keyring:
        return Keyring((kek, *(old for old in self.keys if old.id != kek.id)))


def has_keyring(project: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is one to load already."""
    return VARIABLE in environment or (project / FILE).exists()


def load_keyring(project: Path, environment: Mapping[str, str] = os.environ) -> Keyring:
    """From `CROSSDOCK_VAULT_KEY` (base64, several parted by commas, the current one first), else from the project's key
    file (one a line), which is made when there is none.

    Raises KeyringError: not readable, readable by others, or no key in it."""
    text = environment.get(VARIABLE)
    if text is not None:
        return _parsed(text.split(","), f"the environment variable {VARIABLE}")
    path = project / FILE
    if not path.exists():
        save_keyring(path, Keyring((Kek.generate(),)))
    try:
        mode = path.stat().st_mode
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeError) as error:
        raise KeyringError(f"the vault key {path} cannot be read: {error}") from None
    if mode & 0o077:
        raise KeyringError(f"others can read the vault key {path}", hint=f"chmod 600 {path}")
    return _parsed(lines, f"the vault key {path}")


def save_keyring(path: Path, keyring: Keyring) -> None:
    """Durable, and whole at any moment: a crash leaves the old file or the new one. Mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vault-")  # 0600 from its first moment
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(f"{kek.text()}\n" for kek in keyring.keys))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _parsed(texts: list[str], where: str) -> Keyring:
    try:
        keys = tuple(Kek.parse(text) for text in texts if text.strip())
    except KeyringError as error:
        hint = f"{KEY_BYTES} random bytes in base64, one key a line. Restore the file: without it the secrets are lost."
        raise KeyringError(f"{where}: {error.what}", hint=hint) from None
    if not keys:
        raise KeyringError(f"{where} holds no key", hint="Restore it: without it the vault's secrets cannot be read.")
    return Keyring(keys)
