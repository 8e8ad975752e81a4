"""Who may import whom. The rooms of src/crossdock/ stay rooms only while their doors are checked."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "crossdock"

BELOW = {"core", "jq", "models", "mapping", "project", "connectors", "stores", "transports", "security", "telemetry"}

# A room may import itself and these. Stores, transports and connectors are known to the engine as protocols in core.
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "jq": set(),
    "models": {"core", "jq"},
    "mapping": {"core", "jq"},
    "connectors": {"core", "models"},
    "sandbox": {"core"},
    "stores": {"core"},
    "transports": {"core"},
    "security": {"core"},
    "telemetry": {"core"},
    "project": {"core", "models", "mapping", "connectors"},
    "engine": {"core", "jq", "models", "mapping", "project", "security", "telemetry"},
    "server": BELOW | {"engine"},
    "testing": BELOW | {"engine", "server", "sandbox"},
    "cli": BELOW | {"engine", "server", "sandbox", "testing"},
}

CLOCKS_AND_CHANCE = {"time", "random", "secrets", "sched", "uuid"}
MACHINE = {"os", "subprocess", "multiprocessing", "threading", "signal", "tempfile", "shutil", "glob", "ctypes"}
DISKS = {"pathlib", "io", "fileinput", "mmap", "dbm", "shelve", "sqlite3", "apsw", "asyncpg"}
NETWORKS = {"socket", "ssl", "select", "selectors", "asyncio", "http", "urllib.request", "smtplib", "ftplib"}
NETWORKS |= {"aiohttp", "pyreqwest", "requests", "httpx", "urllib3", "uvicorn", "uvloop"}

# Pure rooms: no clock, chance, machine, disk or network. A connector may find the maps that lie beside it.
FORBIDDEN: dict[str, set[str]] = {
    "core": CLOCKS_AND_CHANCE | MACHINE | DISKS | NETWORKS,
    "connectors": CLOCKS_AND_CHANCE | MACHINE | (DISKS - {"pathlib"}) | NETWORKS,
}
FORBIDDEN_CALLS: dict[str, set[str]] = {
    "core": {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"},
    "connectors": {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"},
}

# A library that reaches a database or the outside has its rooms, in `src` as a whole.
HOME: dict[str, set[str]] = {
    "apsw": {"stores", "transports", "testing"},
    "sqlite3": set(),
    "asyncpg": {"stores", "transports"},
    "aiohttp": {"transports", "sandbox", "testing", "cli"},
    "pyreqwest": {"transports"},
    "requests": set(),
    "httpx": set(),
    "urllib.request": set(),
    "typer": {"cli"},
    "pickle": set(),
    "marshal": set(),
}


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported, wherever it stands: in functions and TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = package.split(".")
                origin = ".".join([*parts[: len(parts) - node.level + 1], *([origin] if origin else [])])
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}"


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = ast.unparse(node.func)
            yield node.lineno, name
            if name.count(".") > 1:  # datetime.datetime.now
                yield node.lineno, name.split(".", name.count(".") - 1)[-1]


def within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def violations(source: str, path: str) -> list[str]:
    """`path` is relative to src/crossdock: its first part is the room."""
    parts = path.removesuffix(".py").split("/")
    if len(parts) == 1:  # crossdock/__init__.py, __main__.py
        return []
    room, package = parts[0], ".".join(["crossdock", *parts[:-1]])
    tree = ast.parse(source, path)
    found = []
    for line, name in imports(tree, package):
        where = f"src/crossdock/{path}:{line}: {room} may not import"
        first, _, rest = name.partition(".")
        if first == "crossdock":
            other = rest.split(".")[0]
            if (SRC / other).is_dir() and other != room and other not in MAY_IMPORT[room]:
                found.append(f"{where} {other} ({name}); it may import {', '.join(sorted(MAY_IMPORT[room])) or 'none'}")
        if within(name, FORBIDDEN.get(room, set())):
            found.append(f"{where} {name}: it is pure")
        for library, rooms in HOME.items():
            if within(name, {library}) and room not in rooms:
                found.append(f"{where} {name}; it is for {', '.join(sorted(rooms)) or 'no room'}")
    found += [
        f"src/crossdock/{path}:{line}: {room} may not call {name}(): it is pure"
        for line, name in calls(tree)
        if name in FORBIDDEN_CALLS.get(room, set())
    ]
    return sorted(set(found))


def test_every_room_has_its_row_and_every_row_its_room() -> None:
    rooms = {folder.name for folder in SRC.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    assert rooms == set(MAY_IMPORT)


def test_no_two_rooms_import_each_other() -> None:
    for room, others in MAY_IMPORT.items():
        assert others <= set(MAY_IMPORT), room
        for other in others:
            assert room not in MAY_IMPORT[other], f"{room} and {other}"


def test_each_room_imports_only_what_it_may() -> None:
    files = sorted(SRC.rglob("*.py"))
    assert files
    found = [line for file in files for line in violations(file.read_text(), file.relative_to(SRC).as_posix())]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("core/x.py", "import crossdock.jq", "core/x.py:1: core may not import jq"),
        ("core/x.py", "\ndef f():\n    from crossdock.stores import sqlite", "core/x.py:3: core may not import stores"),
        ("core/x.py", "from ..engine import plan", "core may not import engine"),
        ("core/x.py", "from .. import engine", "core may not import engine"),
        ("core/deep/x.py", "from ...engine import plan", "core may not import engine"),
        ("core/x.py", "from crossdock import engine", "core may not import engine"),
        ("engine/x.py", "from crossdock.stores.sqlite import SqliteStore", "engine may not import stores"),
        ("connectors/shopify/x.py", "import crossdock.mapping", "connectors may not import mapping"),
        ("core/x.py", "from time import monotonic", "core may not import time.monotonic: it is pure"),
        ("core/x.py", "import os.path", "core may not import os.path: it is pure"),
        ("core/x.py", "from asyncio import sleep", "core may not import asyncio.sleep: it is pure"),
        ("core/x.py", "from urllib.request import urlopen", "core may not import urllib.request.urlopen: it is pure"),
        ("core/x.py", "a = datetime.now(UTC)", "core/x.py:1: core may not call datetime.now()"),
        ("core/x.py", "a = datetime.datetime.now()", "core may not call datetime.now()"),
        ("connectors/x/x.py", "import random", "connectors may not import random: it is pure"),
        ("connectors/x/x.py", "open('x')", "connectors may not call open(): it is pure"),
        ("engine/x.py", "import apsw", "engine may not import apsw; it is for stores, testing, transports"),
        ("cli/x.py", "from pickle import loads", "cli may not import pickle.loads; it is for no room"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_line(path: str, source: str, said: str) -> None:
    assert said in "\n".join(violations(source, path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/x.py", "from crossdock.core.work import Work\nfrom .states import DELIVERY\nfrom . import wire"),
        ("core/x.py", "import re, hashlib\nfrom urllib.parse import quote\nfrom datetime import UTC, datetime"),
        ("server/x.py", "from crossdock import __version__\nfrom crossdock.engine import plan"),
        ("connectors/shopify/x.py", "from pathlib import Path\nfrom crossdock.models import registry"),
        ("stores/sqlite/x.py", "import apsw, os, time"),
    ],
)
def test_what_is_allowed_is_not_complained_about(path: str, source: str) -> None:
    assert violations(source, path) == []
