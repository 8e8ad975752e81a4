"""Secrets at rest. Each is sealed by a key of its own, which is sealed by the hub's key, which is not in the store.

One cell a connection (`vault/<connection>`), so that a rotated pair of tokens, their end and their account change
together or not at all. What seals a secret names its connection and field: a ciphertext moved elsewhere does not open.
Nothing here shows a secret except to `credential`, which is what requests are signed with.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from secrets import token_bytes, token_hex
from typing import Final, Protocol

import msgspec

from crossdock.core.errors import CredentialError, StoreError
from crossdock.core.secret import Credential, Secret
from crossdock.core.store import Cell
from crossdock.core.work import CellVersion, CellWrite, Committed, NotCommitted, Work
from crossdock.security.keyring import KEY_BYTES, Kek, Keyring

PREFIX: Final = "vault/"
KEPT: Final = "refresh_token"
"""Its previous value is kept: a provider may have issued a new one that never reached us, and still take the old."""
_PREVIOUS: Final = "previous " + KEPT
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TRIES: Final = 16


class Cells(Protocol):
    """What the vault needs of a store."""

    async def apply(self, work: Work) -> Committed | NotCommitted: ...
    async def cell(self, name: str) -> Cell | None: ...
    async def cells(self, prefix: str) -> Mapping[str, Cell]: ...


class _Sealed(msgspec.Struct, frozen=True):
    kek: str
    """which key sealed the data key"""
    key: bytes
    value: bytes


class _Record(msgspec.Struct, frozen=True):
    fields: dict[str, _Sealed] = {}
    previous: _Sealed | None = None
    """the last value of `KEPT`"""
    expires_at: float | None = None
    account: str | None = None


class Vault:
    """`tell` hears of every secret that is in use, so that it can be kept out of logs."""

    def __init__(self, store: Cells, keyring: Keyring, *, tell: Callable[[Secret], None] = lambda _: None) -> None:
        self._store = store
        self._keyring = keyring
        self._tell = tell

    async def check(self) -> None:
        """Raises CredentialError when the store holds secrets that are locked with none of the keys: a hub must not
        start on it, nor write to it. What is damaged is told when it is used: it is no other connection's business."""
        for name, cell in (await self._store.cells(PREFIX)).items():
            with contextlib.suppress(msgspec.MsgspecError):
                record = msgspec.json.decode(cell.value, type=_Record)
                for sealed in (*record.fields.values(), *([record.previous] if record.previous else [])):
                    self._kek(name.removeprefix(PREFIX), sealed)

    async def names(self) -> Mapping[str, tuple[str, ...]]:
        """Connection → names of its secrets; none of them where what is kept cannot be read."""
        names: dict[str, tuple[str, ...]] = {}
        for name, cell in sorted((await self._store.cells(PREFIX)).items()):
            connection = name.removeprefix(PREFIX)
            names[connection] = ()
            with contextlib.suppress(CredentialError):
                names[connection] = tuple(sorted(_decoded(connection, cell).fields))
        return names

    async def credential(self, connection: str) -> Credential:
        """What is known of the connection; nothing = an empty one. Raises CredentialError when it cannot be opened."""
        cell = await self._store.cell(PREFIX + connection)
        if cell is None:
            return Credential()
        return self._opened(connection, _decoded(connection, cell))

    async def previous(self, connection: str) -> Secret | None:
        """The refresh token before the last one."""
        cell = await self._store.cell(PREFIX + connection)
        sealed = _decoded(connection, cell).previous if cell else None
        return self._open(connection, _PREVIOUS, sealed) if sealed else None

    async def put(self, connection: str, field: str, value: Secret) -> None:
        """One secret; the others stay. Durable when it returns."""
        if not _FIELD.fullmatch(field):
            raise CredentialError(f"{field!r} is no name for a secret", hint="Letters, digits, and _ . - are.")

        def with_it(stored: Credential) -> Credential:
            return replace(stored, secrets={**stored.secrets, field: value})

        await self._edit(connection, with_it)

    async def put_credential(self, connection: str, credential: Credential, since: Credential | None = None) -> None:
        """All of it in one write. Durable when it returns; the previous refresh token is kept.

        `since` is the credential that this one was derived from: then only what differs from it is written, and
        nothing over what a person has set meanwhile. A connection made anew wins over a refresh of the old one."""

        def merged(stored: Credential) -> Credential:
            if since is None:
                return credential
            changed = {name: value for name, value in credential.secrets.items() if since.secrets.get(name) != value}
            if any(stored.secrets.get(name) != since.secrets.get(name) for name in changed):
                return stored
            return replace(credential, secrets={**stored.secrets, **changed})

        await self._edit(connection, merged)

    async def delete(self, connection: str, field: str | None = None) -> None:
        """One secret; or all that is known of the connection, even what none of our keys opens."""
        if field is None:
            await self._store.apply(Work(_work_id(), cells=(CellWrite(PREFIX + connection, None),)))
            return

        def without_it(stored: Credential) -> Credential:
            return replace(stored, secrets={name: value for name, value in stored.secrets.items() if name != field})

        await self._edit(connection, without_it)

    async def rotate(self, kek: Kek | None = None) -> int:
        """Locks everything with `kek`, else with the current key, connection by connection, while the hub runs;
        returns how many secrets were locked anew. Stopped halfway, some are under either key: both are needed until it
        has been run to its end, so save them both before it begins."""
        if kek is not None:
            self._keyring = self._keyring.with_new(kek)
        relocked = 0
        for name in await self._store.cells(PREFIX):
            connection = name.removeprefix(PREFIX)

            def anew(record: _Record, connection: str = connection) -> _Record:
                fields = {field: self._relocked(connection, field, sealed) for field, sealed in record.fields.items()}
                previous = record.previous and self._relocked(connection, _PREVIOUS, record.previous)
                return msgspec.structs.replace(record, fields=fields, previous=previous)

            relocked += await self._change(connection, anew)
        return relocked

    # --- one write ------------------------------------------------------------------------------------------------

    async def _edit(self, connection: str, edit: Callable[[Credential], Credential]) -> None:
        await self._change(connection, lambda record: self._edited(connection, record, edit))

    async def _change(self, connection: str, change: Callable[[_Record], _Record]) -> int:
        """How many secrets were sealed or locked anew. Nothing is written over what changed meanwhile, nor into a vault
        that other keys have locked; but one connection's damage is no other's."""
        await self.check()
        name = PREFIX + connection
        for _ in range(_TRIES):
            found = await self._store.cell(name)
            before = _decoded(connection, found) if found else _Record()
            after = change(before)
            if after == before:
                return 0
            guard = CellVersion(name, found.version if found else 0)
            value = None if after == _Record() else msgspec.json.encode(after)
            work = Work(_work_id(), guards=(guard,), cells=(CellWrite(name, value),))
            if isinstance(await self._store.apply(work), Committed):
                return sum(before.fields.get(field) != sealed for field, sealed in after.fields.items())
        raise StoreError(f"the secrets of {connection} are changed by others again and again", hint="Try it once more.")

    def _edited(self, connection: str, record: _Record, edit: Callable[[Credential], Credential]) -> _Record:
        """Only what differs is sealed anew."""
        stored = self._opened(connection, record)
        wanted = edit(stored)
        fields = {
            name: record.fields[name] if stored.secrets.get(name) == value else self._sealed(connection, name, value)
            for name, value in wanted.secrets.items()
        }
        previous = record.previous
        if KEPT not in wanted.secrets:
            previous = None
        elif KEPT in stored.secrets and stored.secrets[KEPT] != wanted.secrets[KEPT]:
            previous = self._sealed(connection, _PREVIOUS, stored.secrets[KEPT])
        return _Record(fields, previous, wanted.expires_at, wanted.account)

    # --- one secret -----------------------------------------------------------------------------------------------

    def _opened(self, connection: str, record: _Record) -> Credential:
        opened = {field: self._open(connection, field, sealed) for field, sealed in record.fields.items()}
        return Credential(opened, record.expires_at, record.account)

    def _sealed(self, connection: str, field: str, value: Secret) -> _Sealed:
        self._tell(value)
        about = _about(connection, field)
        key = token_bytes(KEY_BYTES)
        kek = self._keyring.current
        return _Sealed(kek.id, kek.seal(key, about), Kek(key).seal(value.reveal().encode(), about))

    def _open(self, connection: str, field: str, sealed: _Sealed) -> Secret:
        about = _about(connection, field)
        key = self._unlocked(connection, field, sealed)
        value = Kek(key).open(sealed.value, about)
        if value is None:
            raise _altered(connection, field)
        secret = Secret(value.decode())
        self._tell(secret)
        return secret

    def _kek(self, connection: str, sealed: _Sealed) -> Kek:
        kek = self._keyring.get(sealed.kek)
        if kek is None:
            held = ", ".join(kek.id for kek in self._keyring.keys)
            raise CredentialError(
                f"the secrets of {connection} are locked with the vault key {sealed.kek}; this hub holds {held}",
                hint="Restore the right key; nothing was changed. If it is lost, delete the secrets and set them anew.",
            )
        return kek

    def _unlocked(self, connection: str, field: str, sealed: _Sealed) -> bytes:
        kek = self._kek(connection, sealed)
        key = kek.open(sealed.key, _about(connection, field))
        if key is None:
            raise _altered(connection, field)
        return key

    def _relocked(self, connection: str, field: str, sealed: _Sealed) -> _Sealed:
        kek = self._keyring.current
        if sealed.kek == kek.id:
            return sealed
        key = self._unlocked(connection, field, sealed)
        return _Sealed(kek.id, kek.seal(key, _about(connection, field)), sealed.value)


def _work_id() -> str:
    return f"vault-{token_hex(16)}"


def _about(connection: str, field: str) -> bytes:
    return f"crossdock vault 1\0{connection}\0{field}".encode()


def _decoded(connection: str, cell: Cell) -> _Record:
    try:
        return msgspec.json.decode(cell.value, type=_Record)
    except msgspec.MsgspecError as error:
        raise CredentialError(f"what the vault holds for {connection} cannot be read: {error}") from None


def _altered(connection: str, field: str) -> CredentialError:
    return CredentialError(
        f"the secret {field} of {connection} was altered, or belongs somewhere else: it is not used",
        hint=f"Delete what is kept for {connection}, then connect it or set its secrets anew.",
    )
