"""Secrets at rest: what a thief of the store gets, what a crash leaves, and what two writers do to each other."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossdock.core.errors import CredentialError, CrossdockError
from crossdock.core.secret import Credential, Secret
from crossdock.core.work import CellWrite, Committed, NotCommitted, Work
from crossdock.security.keyring import FILE, VARIABLE, Kek, Keyring, KeyringError, load_keyring, save_keyring
from crossdock.security.vault import PREFIX, Vault
from crossdock.stores.sqlite.store import SqliteStore

OLD, NEW = Kek(b"o" * 32), Kek(b"n" * 32)
TOKENS = Credential(
    {name: Secret(f"{name}-1") for name in ("client_id", "client_secret", "access_token", "refresh_token")},
    1000.0,
    "42",
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "hub.db")
    yield store
    await store.close()


@pytest.fixture
def vault(store: SqliteStore) -> Vault:
    return Vault(store, Keyring((OLD,)))


async def cell(store: SqliteStore, connection: str) -> dict:
    found = await store.cell(PREFIX + connection)
    assert found is not None
    return json.loads(found.value)


async def overwrite(store: SqliteStore, connection: str, value: dict) -> None:
    work = Work(f"thief-{connection}", cells=(CellWrite(PREFIX + connection, json.dumps(value).encode()),))
    assert isinstance(await store.apply(work), Committed)


async def test_what_is_put_comes_back(vault: Vault) -> None:
    assert await vault.credential("shop") == Credential()
    await vault.put_credential("shop", TOKENS)
    await vault.put("shop", "webhook_secret", Secret("w"))
    stored = await vault.credential("shop")
    assert stored.get("webhook_secret") == "w"
    assert stored == Credential({**TOKENS.secrets, "webhook_secret": Secret("w")}, 1000.0, "42")


async def test_only_names_can_be_listed(vault: Vault) -> None:
    await vault.put_credential("shop", TOKENS)
    await vault.put("books", "api_key", Secret("k"))
    assert await vault.names() == {
        "books": ("api_key",),
        "shop": ("access_token", "client_id", "client_secret", "refresh_token"),
    }


async def test_the_store_holds_no_secret_in_any_shape(store: SqliteStore, vault: Vault, tmp_path: Path) -> None:
    canary = "canary-0123456789"
    await vault.put("shop", "api_key", Secret(canary))
    await vault.put_credential("books", Credential({"refresh_token": Secret(canary)}))
    await vault.put_credential("books", Credential({"refresh_token": Secret("later")}))
    await store.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())  # noqa: ASYNC240
    assert b"api_key" in everything
    for shape in (canary.encode(), base64.b64encode(canary.encode()), canary.encode().hex().encode()):
        assert shape not in everything


async def test_equal_secrets_do_not_look_equal(store: SqliteStore, vault: Vault) -> None:
    for connection in ("a", "b"):
        await vault.put(connection, "api_key", Secret("same"))
    one, other = [(await cell(store, connection))["fields"]["api_key"] for connection in ("a", "b")]
    assert one["key"] != other["key"]
    assert one["value"] != other["value"]


async def test_swapped_ciphertexts_are_refused(store: SqliteStore, vault: Vault) -> None:
    await vault.put("a", "api_key", Secret("of a"))
    await vault.put("b", "api_key", Secret("of b"))
    await vault.put("b", "token", Secret("token of b"))
    a, b = await cell(store, "a"), await cell(store, "b")
    await overwrite(store, "a", b)
    with pytest.raises(CredentialError, match="api_key of a was altered"):
        await vault.credential("a")
    fields = b["fields"]
    await overwrite(store, "b", {**b, "fields": {"api_key": fields["token"], "token": fields["api_key"]}})
    with pytest.raises(CredentialError, match="altered, or belongs somewhere else"):
        await vault.credential("b")
    mixed = {**a["fields"]["api_key"], "key": fields["api_key"]["key"]}
    await overwrite(store, "c", {**a, "fields": {"api_key": mixed}})
    with pytest.raises(CredentialError, match="altered"):
        await vault.credential("c")


@pytest.mark.parametrize("part", ["key", "value"])
async def test_an_altered_byte_is_refused(store: SqliteStore, vault: Vault, part: str) -> None:
    await vault.put("shop", "api_key", Secret("k"))
    record = await cell(store, "shop")
    data = bytearray(base64.b64decode(record["fields"]["api_key"][part]))
    for position in (0, 12, len(data) - 1):
        altered = bytearray(data)
        altered[position] ^= 1
        record["fields"]["api_key"][part] = base64.b64encode(altered).decode()
        work_id = f"{part}-{position}"
        await store.apply(Work(work_id, cells=(CellWrite(PREFIX + "shop", json.dumps(record).encode()),)))
        with pytest.raises(CredentialError, match="altered"):
            await vault.credential("shop")


async def test_an_unreadable_cell_is_one_connection_s_trouble_and_can_be_deleted(
    store: SqliteStore, vault: Vault
) -> None:
    await vault.put("well", "api_key", Secret("k"))
    await overwrite(store, "ill", {"fields": 7})
    with pytest.raises(CredentialError, match="ill cannot be read"):
        await vault.credential("ill")
    await vault.put("well", "api_key", Secret("k2"))
    assert (await vault.credential("well")).get("api_key") == "k2"
    await vault.delete("ill")
    assert await vault.credential("ill") == Credential()


async def test_the_wrong_key_stops_and_overwrites_nothing(store: SqliteStore, vault: Vault) -> None:
    await vault.put_credential("shop", TOKENS)
    before = await store.cells(PREFIX)
    wrong = Vault(store, Keyring((NEW,)))
    for attempt in (
        wrong.check(),
        wrong.credential("shop"),
        wrong.put("shop", "api_key", Secret("x")),
        wrong.put("other", "api_key", Secret("x")),
        wrong.put_credential("shop", TOKENS),
        wrong.delete("shop", "client_id"),
        wrong.rotate(),
    ):
        with pytest.raises(CredentialError, match=OLD.id) as caught:
            await attempt
        assert "Restore the right key" in str(caught.value)
    assert await store.cells(PREFIX) == before
    await vault.check()


async def test_who_has_lost_the_key_can_start_over(store: SqliteStore, vault: Vault) -> None:
    await vault.put_credential("shop", TOKENS)
    fresh = Vault(store, Keyring((NEW,)))
    await fresh.delete("shop")
    await fresh.put("shop", "api_key", Secret("new"))
    assert (await fresh.credential("shop")).get("api_key") == "new"


@pytest.mark.parametrize("name", ["", "a b", "previous refresh_token", "a/b", "é", "x" * 65, "_a", "a\n"])
async def test_a_secret_has_a_plain_name(vault: Vault, name: str) -> None:
    with pytest.raises(CredentialError, match="no name for a secret"):
        await vault.put("shop", name, Secret("x"))


async def test_delete_takes_one_or_all(store: SqliteStore, vault: Vault) -> None:
    await vault.put_credential("shop", TOKENS)
    await vault.delete("shop", "client_id")
    assert "client_id" not in (await vault.credential("shop")).secrets
    await vault.delete("shop")
    assert await store.cells(PREFIX) == {}
    await vault.delete("shop")


# --- tokens that rotate -------------------------------------------------------------------------------------------


async def test_a_rotated_pair_is_one_write_and_the_token_before_it_is_kept(store: SqliteStore, vault: Vault) -> None:
    await vault.put_credential("books", TOKENS)
    assert await vault.previous("books") is None
    before = (await store.cell(PREFIX + "books")).version  # type: ignore[union-attr]
    fresh = TOKENS.with_secrets(2000.0, access_token="access_token-2", refresh_token="refresh_token-2")
    await vault.put_credential("books", fresh, TOKENS)
    after = (await store.cell(PREFIX + "books")).version  # type: ignore[union-attr]
    assert after == before + 1
    assert await vault.credential("books") == fresh
    assert await vault.previous("books") == Secret("refresh_token-1")
    await vault.put("books", "webhook_secret", Secret("w"))
    assert await vault.previous("books") == Secret("refresh_token-1")
    await vault.put_credential("books", TOKENS)
    assert await vault.previous("books") == Secret("refresh_token-2")


async def test_a_refresh_does_not_undo_what_a_person_set_meanwhile(vault: Vault) -> None:
    await vault.put_credential("books", TOKENS)
    used = await vault.credential("books")
    await vault.put("books", "webhook_secret", Secret("set by a person"))
    await vault.delete("books", "client_id")
    fresh = used.with_secrets(2000.0, access_token="access_token-2", refresh_token="refresh_token-2")
    await vault.put_credential("books", fresh, since=used)
    stored = await vault.credential("books")
    assert stored.get("webhook_secret") == "set by a person"
    assert stored.get("refresh_token") == "refresh_token-2"
    assert stored.expires_at == 2000.0
    assert "client_id" not in stored.secrets


async def test_a_connection_made_anew_wins_over_a_refresh_of_the_old_one(vault: Vault) -> None:
    await vault.put_credential("books", TOKENS)
    used = await vault.credential("books")
    anew = TOKENS.with_secrets(9000.0, access_token="anew", refresh_token="anew")
    await vault.put_credential("books", anew)
    fresh = used.with_secrets(2000.0, access_token="access_token-2", refresh_token="refresh_token-2")
    await vault.put_credential("books", fresh, since=used)
    assert await vault.credential("books") == anew


async def test_many_writers_at_once_lose_nothing(vault: Vault) -> None:
    await asyncio.gather(*(vault.put("shop", f"key-{number}", Secret(str(number))) for number in range(12)))
    stored = await vault.credential("shop")
    assert {name: secret.reveal() for name, secret in stored.secrets.items()} == {f"key-{n}": str(n) for n in range(12)}


async def test_every_secret_in_use_is_told(store: SqliteStore) -> None:
    told: list[Secret] = []
    vault = Vault(store, Keyring((OLD,)), tell=told.append)
    await vault.put("shop", "api_key", Secret("k"))
    assert told == [Secret("k")]
    told.clear()
    await Vault(store, Keyring((OLD,)), tell=told.append).credential("shop")
    assert told == [Secret("k")]


# --- changing the key ---------------------------------------------------------------------------------------------


class Dies:
    """A store whose process is killed before its n-th write."""

    def __init__(self, store: SqliteStore, writes: int) -> None:
        self._store = store
        self._left = writes
        self.cell = store.cell
        self.cells = store.cells

    async def apply(self, work: Work) -> Committed | NotCommitted:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return await self._store.apply(work)


async def test_the_key_is_changed_while_the_hub_runs(store: SqliteStore, vault: Vault) -> None:
    for connection in ("a", "b", "c"):
        await vault.put_credential(connection, TOKENS)
        await vault.put_credential(connection, TOKENS.with_secrets(2.0, refresh_token="r2"))
    assert await vault.rotate(NEW) == 12
    assert await vault.rotate(NEW) == 0
    alone = Vault(store, Keyring((NEW,)))
    await alone.check()
    assert (await alone.credential("b")).get("refresh_token") == "r2"
    assert await alone.previous("b") == Secret("refresh_token-1")
    with pytest.raises(CredentialError):
        await Vault(store, Keyring((OLD,))).check()


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_killed_while_the_key_is_changed_both_keys_together_open_all(
    store: SqliteStore, vault: Vault, writes: int
) -> None:
    for connection in ("a", "b", "c"):
        await vault.put_credential(connection, TOKENS)
    with pytest.raises(KeyboardInterrupt):
        await Vault(Dies(store, writes), Keyring((OLD,))).rotate(NEW)
    both = Vault(store, Keyring((NEW, OLD)))
    await both.check()
    assert [await both.credential(connection) for connection in ("a", "b", "c")] == [TOKENS] * 3
    await both.put("d", "api_key", Secret("k"))
    await both.rotate()
    await Vault(store, Keyring((NEW,))).check()


async def test_a_token_that_rotates_while_the_key_is_changed_is_not_lost(store: SqliteStore, vault: Vault) -> None:
    for connection in ("a", "b", "c"):
        await vault.put_credential(connection, TOKENS)
    fresh = TOKENS.with_secrets(2000.0, access_token="a2", refresh_token="r2")
    await asyncio.gather(
        vault.rotate(NEW), *(vault.put_credential(connection, fresh, TOKENS) for connection in ("a", "b", "c"))
    )
    await vault.rotate()
    alone = Vault(store, Keyring((NEW,)))
    assert [await alone.credential(connection) for connection in ("a", "b", "c")] == [fresh] * 3


# --- where the key lives --------------------------------------------------------------------------------------------


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = load_keyring(tmp_path, {})
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert load_keyring(tmp_path, {}).current.id == first.current.id


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_keyring(tmp_path, {})
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(KeyringError, match="others can read") as caught:
        load_keyring(tmp_path, {})
    assert "chmod 600" in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "not base64!", base64.b64encode(b"short").decode(), "é"])
def test_a_damaged_key_file_is_never_replaced(tmp_path: Path, text: str) -> None:
    load_keyring(tmp_path, {})
    (tmp_path / FILE).write_text(text)
    with pytest.raises(KeyringError) as caught:
        load_keyring(tmp_path, {})
    assert not text.strip() or text not in str(caught.value)
    assert (tmp_path / FILE).read_text() == text


def test_the_environment_comes_first_and_makes_no_file(tmp_path: Path) -> None:
    ring = load_keyring(tmp_path, {VARIABLE: f"{NEW.text()},{OLD.text()}"})
    assert [kek.id for kek in ring.keys] == [NEW.id, OLD.id]
    assert not (tmp_path / FILE).exists()
    with pytest.raises(KeyringError, match=VARIABLE):
        load_keyring(tmp_path, {VARIABLE: ""})


def test_both_keys_are_kept_while_they_are_changed(tmp_path: Path) -> None:
    old = load_keyring(tmp_path, {})
    save_keyring(tmp_path / FILE, old.with_new(NEW))
    ring = load_keyring(tmp_path, {})
    assert [kek.id for kek in ring.keys] == [NEW.id, old.current.id]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / FILE).parent.iterdir()] == [FILE.name]


def test_a_key_never_prints_itself() -> None:
    for shown in (repr(OLD), str(OLD), repr(Keyring((OLD,))), f"{OLD}"):
        assert OLD.text() not in shown
        assert "o" * 8 not in shown
    with pytest.raises(CrossdockError) as caught:
        Kek(b"secret bytes")
    assert "secret bytes" not in str(caught.value)
