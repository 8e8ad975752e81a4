"""Acts on credentials. Secrets come in through the hub's local door; none ever goes out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossdock.core.connector import OAuth
from crossdock.core.errors import UsageError
from crossdock.core.secret import Secret
from crossdock.engine.accounts import check_account
from crossdock.engine.supervise import Hub
from crossdock.security import keyring
from crossdock.security.keyring import Kek, Keyring, load_keyring, save_keyring
from crossdock.security.vault import Vault
from crossdock.server.said import Said


class Custody:
    """`accounts`: connection → whose data the project says it is."""

    def __init__(self, hub: Hub, vault: Vault, accounts: Mapping[str, str], folder: Path) -> None:
        self._hub = hub
        self._vault = vault
        self._accounts = accounts
        self._folder = folder

    async def set_secret(self, said: Said) -> Mapping[str, Any]:
        name = self._known(said)
        await self._vault.put(name, said.text("field"), Secret(said.text("value")))
        await self._hub.credential_changed(name)
        return {}

    async def delete_secret(self, said: Said) -> Mapping[str, Any]:
        """One, or without a `field` all of the connection, which the project may have no more."""
        name, field = said.text("connection"), said.text("field", "")
        names = await self._vault.names()
        if name not in names or (field and field not in names[name]):
            held = ", ".join(names.get(name, ())) or "none"
            raise UsageError(f"{name} has no secret {field}".rstrip(), hint=f"it has: {held}")
        await self._vault.delete(name, field or None)
        await self._hub.credential_changed(name)
        return {}

    async def authorize(self, said: Said) -> Mapping[str, Any]:
        """Where a person lets the hub in."""
        name = self._known(said)
        credential = await self._vault.credential(name)
        oauth = self._oauth(name)
        if not credential.get("client_id"):
            raise UsageError(
                f"{name} needs the app's client_id and client_secret first",
                hint=f"crossdock secrets set {name} client_id; crossdock secrets set {name} client_secret",
            )
        redirect_uri, state = said.text("redirect_uri"), said.text("state")
        return {"url": oauth.authorize_url(credential, redirect_uri, state, said.text("challenge"))}

    async def redeem(self, said: Said) -> Mapping[str, Any]:
        """From the callback to tokens in the vault. Raises CredentialError."""
        name = self._known(said)
        held = await self._vault.credential(name)
        steps = self._oauth(name).redeem(
            held,
            said.text("redirect_uri"),
            said.text("verifier"),
            said.named_texts("callback"),
            self._hub.context.clock.civil(),
        )
        fresh = await self._hub.exchanger.credentials.drive(name, steps, held)
        declared, new = self._accounts.get(name, ""), said.flag("new_account")
        await check_account(self._hub.context, name, fresh, declared=declared, new=new)
        await self._vault.put_credential(name, fresh)
        await self._hub.credential_changed(name)
        return {"account": self._hub.context.connection(name).connector.account(fresh)}

    async def rotate_key(self, said: Said) -> Mapping[str, Any]:
        """A new vault key, and everything locked with it. Both keys are in the file until that is done."""
        if keyring.VARIABLE in os.environ:
            raise UsageError(
                f"the vault key comes from {keyring.VARIABLE}",
                hint="put a new key before the old one there, parted by a comma, and restart the hub",
            )
        path, kek = self._folder / keyring.FILE, Kek.generate()
        save_keyring(path, load_keyring(self._folder).with_new(kek))
        relocked = await self._vault.rotate(kek)
        save_keyring(path, Keyring((kek,)))
        return {"key": kek.id, "relocked": relocked}

    def _known(self, said: Said) -> str:
        name = said.text("connection")
        connections = self._hub.context.landscape.connections
        if name not in connections:
            known = ", ".join(connections)
            raise UsageError(f"the project has no connection {name!r}", hint=f"there are: {known}")
        return name

    def _oauth(self, name: str) -> OAuth:
        oauth = self._hub.context.connection(name).connector.oauth
        if oauth is None:
            raise UsageError(
                f"{name} is not connected in a browser: it takes secrets", hint=f"crossdock secrets set {name} NAME"
            )
        return oauth
