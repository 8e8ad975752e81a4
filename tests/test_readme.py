"""What a newcomer reads first can be typed and followed."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from crossdock.cli.main import build

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLANK = ROOT / "src" / "crossdock" / "project" / "templates" / "blank"


def typed(text: str) -> list[str]:
    """The command lines of a page: in `ticks`, and in blocks, where they start a line or follow `$` or `|`."""
    inline = re.findall(r"`((?:crossdock|python3 dev\.py) [^`\n]+)`", FENCED.sub("", text))
    blocks = "\n".join(FENCED.findall(text))
    return inline + re.findall(r"(?m)(?:^(?:\$ )?|\| )((?:crossdock|python3 dev\.py) [^#|\n]+)", blocks)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_are_commands(page: str) -> None:
    root = typer.main.get_command(build())
    for line in typed((ROOT / page).read_text()):
        words = line.split()
        if words[0] != "crossdock":
            continue
        command = root
        for word in words[1:]:
            commands = getattr(command, "commands", None)
            if commands is None or not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            assert word in commands, f"{page}: {line}"
            command = commands[word]
        options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
        for word in words:
            if word.startswith("--") and command is not root:
                assert word.partition("=")[0] in options, f"{page}: {line}"


@pytest.mark.parametrize("page", ["README.md", "docs/README.md", "docs/first-flow.md", "CHANGELOG.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text()):
        if not target.startswith("https://"):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_the_benchmarks_of_the_readme_are_there() -> None:
    named = [shlex.split(line)[3] for line in typed((ROOT / "README.md").read_text()) if "dev.py bench" in line]
    assert named
    assert [name for name in named if not (ROOT / "bench" / f"{name}.py").exists()] == []


def test_the_first_flow_names_every_file_of_the_template() -> None:
    files = {path.relative_to(BLANK).as_posix() for path in BLANK.rglob("*") if path.is_file()} - {"gitignore"}
    text = (ROOT / "README.md").read_text()
    assert {file for file in files if not re.search(rf"^{re.escape(file)}  ", text, re.MULTILINE)} == set()


def test_what_the_first_flow_shows_of_the_template_is_what_it_holds() -> None:
    text = (ROOT / "README.md").read_text()
    flow = "".join(
        line for line in (BLANK / "flows/person-to-contact.yaml").read_text().splitlines(True) if line[0] != "#"
    )
    assert flow in text
    out = (BLANK / "connections/out.yaml").read_text()
    assert '# egress: {allow: ["localhost:9000"]}' in out.splitlines()[-1]
    assert 'egress: {allow: ["localhost:9000"]}' in text
