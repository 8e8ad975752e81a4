"""secrets and connect: what lets the hub in goes in, and never comes out."""

import http.client
import io
import re
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crossdock.sandbox.catalogue import make
from crossdock.sandbox.serve import Served, serving
from crossdock.testing.live import COMMAND, SECRET

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

    if running:
        with Hub(project):
            play()
    else:
        play()
    for file in (project / ".crossdock").iterdir():
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes()
            assert SECRET.encode() not in file.read_bytes()
    with Hub(project):
        pass  # the rotated key opens the vault


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


class Connecting:
    """`crossdock connect` as a process, and the browser that follows its page."""

    def __init__(self, project: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "connect", "books", "--project", str(project), "--json", "--no-browser", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def page(self) -> str:
        assert self.process.stderr
        for line in self.process.stderr:
            if found := re.match(r"http://\S+", line):
                return found.group()
        raise AssertionError(self.process.communicate())

    def ended(self, text: str = "") -> tuple[int, str, str]:
        out, err = self.process.communicate(text, timeout=20)
        return self.process.returncode, out, err


def browse(url: str) -> str:
    """Where the platform sends the browser to."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.getheader("location") or ""


@pytest.mark.parametrize("running", [True, False])
def test_a_person_connects_an_account_in_a_browser(project: Path, type_: Type, books: Served, running: bool) -> None:
    def play() -> None:
        connecting = Connecting(project, "--port", "0")
        back = browse(connecting.page())
        assert back.startswith("http://localhost:")
        browse(back)
        code, out, _ = connecting.ended()
        assert (code, books.simulator.credentials()["realm_id"] in out) == (0, True)
        kept = {row["name"] for row in type_("secrets", "list", "--json").json if row["connection"] == "books"}
        assert {"access_token", "refresh_token", "client_id", "client_secret"} <= kept

    if running:
        with Hub(project):
            play()
    else:
        play()


def test_without_a_browser_here_the_address_is_pasted(project: Path, books: Served) -> None:
    connecting = Connecting(project, "--callback-url", "--redirect-uri", "https://hub.example/callback")
    back = browse(connecting.page())
    assert back.startswith("https://hub.example/callback")
    assert connecting.ended(back + "\n")[0] == 0


@pytest.mark.parametrize("spoil", [("state=", "state=x"), ("code=", "code=x"), ("realmId=", "other=")])
def test_what_comes_back_wrong_connects_nothing(
    project: Path, type_: Type, books: Served, spoil: tuple[str, str]
) -> None:
    connecting = Connecting(project, "--callback-url")
    back = browse(connecting.page())
    code, out, err = connecting.ended(back.replace(*spoil) + "\n")
    assert code == 1
    assert "error" in out
    assert "Traceback" not in err
    names = {row["name"] for row in type_("secrets", "list", "--json").json if row["connection"] == "books"}
    assert "access_token" not in names


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
    import json

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
    started = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - started < 20
    process.stdout.close()
