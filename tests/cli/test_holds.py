"""`crossdock holds show`: what a person must know before they decide."""

from pathlib import Path

from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type
from .test_decisions import hub_with, until, without_a_way_to_find_out


def by_look_up(project: Path) -> None:
    """The action's records can be found by their e-mail address and a mark."""
    out = project / "connections" / "out.yaml"
    lines = [line for line in out.read_text().splitlines() if "idempotency_header" not in line]
    indent = next(line for line in lines if "path:" in line).partition("path:")[0]
    find = [
        f"{indent}marker: note",
        f"{indent}find:",
        f"{indent}  path: /people?note={{hub.marker}}",
        f"{indent}  items: hits",
        f"{indent}  id: id",
        f'{indent}  match: {{note: "{{hub.marker}}", email: "{{email}}"}}',
        f"{indent}  settle: 1.0",
    ]
    at = next(number for number, line in enumerate(lines) if "path:" in line)
    out.write_text("\n".join([*lines[: at + 1], *find, *lines[at + 1 :]]) + "\n")


def test_it_tells_what_was_sent_what_came_of_it_and_what_each_decision_does(
    project: Path, type_: Type, there: Sink
) -> None:
    without_a_way_to_find_out(project)
    there.cut = True
    with hub_with(project, type_, "held"):
        held = type_("holds", "list", "--json").json[0]["id"]
        shown = type_("holds", "show", held, "--json").json
        (exchange,) = shown["exchanges"]
        assert exchange["state"] == "unknown"
        assert exchange["effect"] == "none"
        assert exchange["guarantee"].startswith("at most once")
        assert exchange["method"] == "POST"
        assert "p7@example.com" in exchange["body"]
        assert [attempt["outcome"] for attempt in exchange["attempts"]] == ["unknown"]
        assert list(shown["choices"]) == ["adopt", "resend", "discard"]
        assert "twice" in shown["choices"]["resend"]
        said = type_("holds", "show", held).out
        for words in (
            "p7@example.com",
            "no answer: unknown",
            f"crossdock holds adopt {held} REMOTE_ID",
            "at most once",
        ):
            assert words in said
        there.cut = False
        assert type_("holds", "resend", held).code == 0
        until(type_, "delivered")


def test_it_tells_what_was_looked_up(project: Path, type_: Type, there: Sink) -> None:
    by_look_up(project)
    there.cut = True
    with Hub(project) as hub:
        assert hub.post(signup(7)) == 200
        until(type_, "resolving")
        note = str(there.effects[0]["note"])
        there.records = [{"id": "rec-8", "email": "somebody@else.example", "note": note}]
        until(type_, "held")
        held = type_("holds", "list", "--json").json[0]["id"]
        shown = type_("holds", "show", held, "--json").json
        (look_up,) = shown["look_ups"]
        assert look_up["found"] == ["rec-8"]
        assert not look_up["certain"]
        assert look_up["why"] == "it bears the hub's mark, but differs in email"
        assert "rec-8" in shown["choices"]["adopt"]
        assert "found rec-8, not certain" in type_("holds", "show", held).out
        assert type_("holds", "adopt", held, "rec-8").code == 0
        until(type_, "delivered")
    with Hub(project):
        assert type_("trace", "rec-8").code == 0
