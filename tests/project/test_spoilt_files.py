"""The shop's files, damaged at random: whatever is in them, a check ends with a message at a place that there is."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossdock.cli.main import main
from crossdock.mapping.map import compile_map
from crossdock.project import programs
from crossdock.project.templates import write_template

SEEDS = 40

LEVELS = "".join(f", &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]" for i in range(9))
WORDS = (
    "", "~", "null", "true", "yes", "0", "-1", "1.5", "1e999", "9" * 5000, "0x1F", "0o9", "1:30:00", ".inf", "-.nan",
    "1_0", "2026-13-45", "2026-02-30T25:61:61Z", "''", '"\\0"', '"\\ud800"', '"\\u2028"', '"', "'", "|", "|9", ">-",
    "- ", "[]", "[[]]", "{}", "{a: {b: [c]}}", "[" * 500, "{a: " * 200, "*a", "&a", "&a [*a]", "&a {<<: *a}",
    f"[&a [x,x,x,x,x,x,x,x,x]{LEVELS}]", "<<: {a: b}", "? [a]\n: b", "? a", ": ", "%YAML 9.9\n---", "---", "...",
    "--- !!map", "!!binary x", "!!python/object/apply:os.system [true]", "!!set {a}", "!!omap [a]", "!!int x",
    "!!float x", "!!null x", "!!bool x", "!!timestamp x", "!<", "!x y", "!!str", "../../etc/passwd", "/etc/passwd",
    "a\\b", "a/b", ".", "..", "con", "é", "ｅ", "😀", "\u202e", "a" * 3000, "order.created", "shopify", "order", ".[",
    "(", "def f: f; f", "import \"x\" as x; .", "$__loc__", "$ENV", "input", "env", "..|..", ". as [$a] | $b",
    "reduce", "label $x | break $y", "\"\\(", "@base64d", "#", "?//", "|=", "limit(1; .)", "error", "{a:",
    "1e99999999", "-", "//", "and",
)  # fmt: skip
CHARACTERS = (
    "\t", "\0", "\ufeff", "\x85", "\u2028", "\x7f", "\x1b", "\r", "\n", " ", ":", "-", "#", "{", "}", "[", "]", ",",
    "&", "*", "!", "|", ">", "'", '"', "%", "@", "`", "é", "😀", ";", "(", ")", ".", "$", "\\", "/", "?", "=", "<",
    "~",
)  # fmt: skip
BYTES = (b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\xef\xbb\xbf", b"\xfe\xff")


def cut(text: str, random_: random.Random) -> str:
    return text[: random_.randrange(len(text) + 1)]


def without_some(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + text[at + random_.randint(1, 20) :]


def with_a_character(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + random_.choice(CHARACTERS) * random_.choice((1, 1, 1, 3)) + text[at:]


def with_a_word(text: str, random_: random.Random) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + random_.choice(WORDS) + text[at:]


def with_another_word(text: str, random_: random.Random) -> str:
    words = list(re.finditer(r"[\w./@$+-]+", text)) or [re.match("", text)]
    found = random_.choice(words)
    assert found
    return text[: found.start()] + random_.choice(WORDS) + text[found.end() :]


def with_another_value(text: str, random_: random.Random) -> str:
    values = list(re.finditer(r"(?<=: )[^\n]+|(?<=:)(?:\n +[^\n]+)+|(?<=- )[^\n]+", text)) or [re.match("", text)]
    found = random_.choice(values)
    assert found
    return f"{text[: found.start()]} {random_.choice(WORDS)}{text[found.end() :]}"


def misspelt(text: str, random_: random.Random) -> str:
    words = list(re.finditer(r"\w{3,}", text)) or [re.match("", text)]
    found = random_.choice(words)
    assert found
    at = random_.randrange(found.start(), found.end() + 1)
    return text[:at] + text[at + 1 :]


def by_lines(text: str, random_: random.Random) -> str:
    """A line is gone, is there twice, is another's, or stands further in or out."""
    lines = text.splitlines(keepends=True) or [""]
    at, other = random_.randrange(len(lines)), random_.randrange(len(lines))
    line = lines[at]
    kinds: tuple[list[str], ...] = ([], [line, line], [lines[other]], [f"  {line}"], [line.lstrip()], [f"\t{line}"])
    lines[at : at + 1] = random_.choice(kinds)
    return "".join(lines)


def in_other_bytes(text: str, random_: random.Random) -> bytes:
    data = text.encode()
    at = random_.randrange(len(data) + 1)
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: text.encode("utf-16"),
        lambda: (text + "é").encode("latin-1", "replace"),
        lambda: data[:at] + random_.choice(BYTES) + data[at:],
        lambda: data.replace(b"\n", b"\r"),
        lambda: b"\xef\xbb\xbf" * 2 + data,
    )
    return random_.choice(kinds)()


DAMAGE: tuple[Callable[[str, random.Random], str | bytes], ...] = (
    cut, without_some, with_a_character, with_a_word, with_another_word, with_another_value, misspelt, by_lines,
    in_other_bytes,
)  # fmt: skip


def spoilt(text: str, random_: random.Random) -> bytes:
    said: str | bytes = text
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        if isinstance(said, str):
            said = random_.choice(DAMAGE)(said, random_)
    return said if isinstance(said, bytes) else said.encode("utf-8", "replace")


def files_of(shop: Path) -> list[Path]:
    return sorted(path for path in shop.rglob("*.*") if path.suffix in {".yaml", ".jq", ".csv", ".json"})


def is_in(data: bytes, line: int, column: int) -> bool:
    """Whether there is such a place; the end is one. YAML knows more ends of a line than other formats do."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return any(
        1 <= line <= len(lines) and 0 <= column <= len(lines[line - 1]) + 1
        for lines in (text.split("\n"), re.split("[\n\r\x85\u2028\u2029]", text))
    )


def spoil_one(shop: Path, seed: int, say: Callable[[], str]) -> None:
    """Damages one file, checks the project, and puts the file right. `say` gives what was printed since."""
    random_ = random.Random(seed)
    path = random_.choice(files_of(shop))
    whole = path.read_bytes()
    path.write_bytes(spoilt(whole.decode(), random_))
    try:
        code = main(["check", "--project", str(shop), "--json"])
        said = json.loads(say())
        errors = [one for one in said["problems"] if one["severity"] == "error"]
        assert code == (1 if errors else 0)
        for one in said["problems"]:
            assert one["what"]
            where = shop / one["file"]
            assert where.exists(), one
            assert not one["line"] or is_in(where.read_bytes(), one["line"], one["column"]), one
        assert all(one["line"] for one in errors), errors
        assert main(["check", "--project", str(shop)]) == code
        assert f"{len(errors)} error" in say()
    except Exception as error:
        error.add_note(f"seed {seed}: {path.name} was {path.read_bytes()[:3000]!r}")
        raise
    finally:
        path.write_bytes(whole)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The maps that connectors ship are not what is damaged here, and take longest: each is compiled once."""
    shipped: dict[str, Any] = {}

    def compile_once(text: str, *, name: str, **options: Any) -> Any:
        if ":" not in name:
            return compile_map(text, name=name, **options)
        if text not in shipped:
            shipped[text] = compile_map(text, name=name, **options)
        return shipped[text]

    monkeypatch.setattr(programs, "compile_map", compile_once)
    write_template("shop", tmp_path / "shop")
    return tmp_path / "shop"


def test_whatever_is_in_a_file_it_is_one_clear_error_or_none(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(SEEDS):
        spoil_one(shop, seed, lambda: capsys.readouterr().out)
