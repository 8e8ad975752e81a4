"""secrets and connect: what lets the hub in goes in, and never comes out."""

import contextlib
import http.client
import io
import json
import re
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crossdock.sandbox.catalogue import make
from crossdock.sandbox.serve import Served, serving
from crossdock.testing.live import COMMAND, SECRET, signup

from .conftest import Hub, Type, Typed

CANARY = "canary-8c5fd1b2"


def set_secret(type_: Type, monkeypatch: pytest.MonkeyPatch, connection: str, name: str, value: str) -> Typed:
    monkeypatch.setattr("sys.stdin", io.StringIO(value))
    return type_("secrets", "set", connection, name)


@pytest.mark.parametrize("running", [True, False])
def test_a_secret_is_kept_listed_and_deleted_and_never_shown(
    project: Path, type_: Type, monkeypatch: pytest.MonkeyPatch, running: bool
) -> None:
    def play() -> None:
        said = set_secret(type_, monkeypatch, "out", "token", f"{CANARY}\n")
        assert said.code == 0, said.err
        assert CANARY not in said.out + said.err
        listed = type_("secrets", "list")
        assert "token" in listed.out
        assert CANARY not in listed.out
        assert {"connection": "out", "name": "token", "set": True} in type_("secrets", "list", "--json").json
        assert type_("secrets", "rotate", "--json").json["relocked"] == 2
        assert type_("secrets", "delete", "out", "token").code == 0
        assert {"connection": "out", "name": "token", "set": False} in type_("secrets", "list", "--json").json
        assert type_("secrets", "delete", "out", "token").code == 2
        assert set_secret(type_, monkeypatch, "nowhere", "token", "x").code == 2
        assert set_secret(type_, monkeypatch, "out", "token", "").code == 2

    with Hub(project) if running else contextlib.nullcontext():
        play()
    for file in (project / ".crossdock").iterdir():
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes()
            assert SECRET.encode() not in file.read_bytes()
    with Hub(project):
        pass  # the rotated key opens the vault


def test_a_secret_that_nobody_asks_for_is_told(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    said = set_secret(type_, monkeypatch, "out", "tokn", CANARY)
    assert said.code == 0
    assert "out does not ask for tokn; it asks for token" in said.err
    assert "does not ask" not in set_secret(type_, monkeypatch, "out", "token", CANARY).err
    assert "does not ask" not in set_secret(type_, monkeypatch, "in", "webhook_secret_previous", CANARY).err


def test_a_secret_is_no_word_of_a_command_line(type_: Type) -> None:
    assert type_("secrets", "set", "out", "token", CANARY).code == 2


# --- connect ------------------------------------------------------------------------------------------------------


@pytest.fixture
def books(project: Path, type_: Type, monkeypatch: pytest.MonkeyPatch) -> Served:
    with serving([make("quickbooks", seed=1)]) as (served,):
        (project / "connections" / "books.yaml").write_text(
            f"connector: quickbooks\nsettings:\n  currency: USD\n  base_url: {served.url}\n"
            f"egress: {{allow: ['{served.url.removeprefix('http://')}']}}\n"
        )
        for name in ("client_id", "client_secret"):
            assert set_secret(type_, monkeypatch, "books", name, served.simulator.credentials()[name]).code == 0
        yield served  # type: ignore[misc]


def browse(url: str) -> str:
    """Where the platform sends the browser to."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.getheader("location") or ""


class Pasting(io.StringIO):
    """A person who opens the page that was told elsewhere, and pastes where the browser ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], spoil: tuple[str, str] = ("", "")) -> None:
        super().__init__()
        self._capsys = capsys
        self._spoil = spoil
        self.back = ""

    def readline(self, size: int = -1) -> str:
        (page,) = re.findall(r"http://\S+", self._capsys.readouterr().err)
        self.back = browse(page)
        return self.back.replace(*self._spoil) + "\n" if self._spoil[0] else self.back + "\n"


def names_of(type_: Type) -> set[str]:
    rows = type_("secrets", "list", "--json").json
    return {row["name"] for row in rows if row["connection"] == "books" and row["set"]}


@pytest.mark.parametrize("running", [True, False])
def test_a_person_connects_an_account_in_a_browser(
    project: Path, type_: Type, books: Served, monkeypatch: pytest.MonkeyPatch, running: bool
) -> None:
    def opened(page: str) -> None:
        threading.Thread(target=lambda: browse(browse(page))).start()

    monkeypatch.setattr("webbrowser.open", opened)
    with Hub(project) if running else contextlib.nullcontext():
        said = type_("connect", "books", "--port", "0", "--json")
        assert said.json == {"connection": "books", "account": books.simulator.credentials()["realm_id"]}
        assert {"access_token", "refresh_token", "client_id", "client_secret"} <= names_of(type_)


def test_without_a_browser_here_the_address_is_pasted(
    type_: Type, books: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Pasting(capsys)
    monkeypatch.setattr("sys.stdin", person)
    said = type_("connect", "books", "--callback-url", "--redirect-uri", "https://hub.example/callback")
    assert said.code == 0
    assert person.back.startswith("https://hub.example/callback")
    assert "access_token" in names_of(type_)


@pytest.mark.parametrize("spoil", [("state=", "state=x"), ("code=", "code=x"), ("realmId=", "other=")])
def test_what_comes_back_wrong_connects_nothing(
    type_: Type,
    books: Served,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: tuple[str, str],
) -> None:
    monkeypatch.setattr("sys.stdin", Pasting(capsys, spoil))
    said = type_("connect", "books", "--callback-url", "--json")
    assert said.code == 1
    assert said.json["error"]
    assert "access_token" not in names_of(type_)


def test_what_takes_secrets_is_not_connected(type_: Type) -> None:
    said = type_("connect", "out", "--no-browser", "--port", "0")
    assert said.code == 2
    assert "crossdock secrets set out" in said.err


def test_simulators_are_served_until_they_are_stopped() -> None:
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "quickbooks", "hubspot", "--json", "--time-scale", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [line["name"] for line in lines] == ["quickbooks", "hubspot"]
    for line in lines:
        assert {"name", "url", "credentials", "admin"} == set(line)
        parts = urlsplit(line["admin"] + "/stats")
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", parts.path)
        assert connection.getresponse().status == 200
        connection.close()
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()


def test_what_is_for_a_connection_that_nobody_connected_waits_until_somebody_does(
    project: Path, type_: Type, books: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "flows" / "person-to-books.yaml").write_text(
        "on: [person.created]\nto: books\naction: upsert_customer\nmap: '{name: (.name // .email), email: .email}'\n"
    )

    def opened(page: str) -> None:
        threading.Thread(target=lambda: browse(browse(page))).start()

    def flow(name: str) -> dict[str, object]:
        return next(row for row in type_("status", "--json").json["flows"] if row["name"] == name)

    monkeypatch.setattr("webbrowser.open", opened)
    with Hub(project) as hub:
        assert hub.post(signup(7)) == 200
        while not flow("person-to-contact")["delivered"]:
            pass
        assert flow("person-to-books")["lag"] == 1
        books_now = next(row for row in type_("status", "--json").json["connections"] if row["name"] == "books")
        assert "not connected" in books_now["paused"]
        assert type_("connect", "books", "--port", "0").code == 0
        while not flow("person-to-books")["delivered"]:
            pass
    assert [customer["DisplayName"] for customer in books.simulator.list("customer")] == ["Person 7"]
