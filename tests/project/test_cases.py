"""Cases: what they promise, and how they tell that it is otherwise."""

# ruff: noqa: E501, UP031 - a case and what is said of it read best side by side; it is full of braces

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from crossdock.project import load_project
from crossdock.testing.cases import CaseResult, run_cases
from crossdock.testing.differences import contained, differences

Write = Callable[[Mapping[str, str | None]], Path]

FILES = {
    "flows/deals.yaml": """\
on: deal.created
where: .stage == "won"
to: out
action: put_deal
needs: {record: {key: .order.key}}
map: |
  {name: "\\(.name) (\\($event.key))", stage, notes: $needs.record}
""",
    "flows/lines.yaml": """\
on: deal.updated
to: out
action: send
map: '.notes | split(",") | . as $all | range(length) | {item: ., input: {text: $all[.]}}'
each: true
""",
}
EVENT = "event: {type: deal.created, key: 'in:1', data: {name: A, stage: won}}"


@pytest.fixture
def run(write: Write) -> Callable[[str], list[CaseResult]]:
    def _run(text: str) -> list[CaseResult]:
        return run_cases(load_project(write({**FILES, "cases/all.yaml": text})))

    return _run


Run = Callable[[str], list[CaseResult]]


@pytest.mark.parametrize(
    "case",
    [
        "{name: n, flow: deals, %s, needs: {record: '9'}, input: {name: 'A (in:1)', stage: won, notes: '9'}}" % EVENT,
        "{name: n, flow: deals, event: {type: deal.created, data: {name: A, stage: lost}}, skip: filter}",
        "{name: n, flow: deals, event: {type: deal.updated, data: {name: A, stage: won}}, skip: type}",
        "{name: n, flow: deals, event: {type: deal.created, data: {name: %s, stage: won}}, error: mapping}" % ("A" * 500),
        "{name: n, flow: lines, event: {type: deal.updated, data: {name: A, stage: won, notes: 'x,y'}},"
        " inputs: {'0': {text: x}, '1': {text: y}}}",
        "{name: n, connection: in, topic: deal, record: {id: 5, name: A}, events: [{type: deal.created, key: 'in:5'}]}",
        "{name: n, connection: in, topic: deal, record: {id: 5}, error: mapping}",
        "{name: n, connection: in, topic: deal, record: {name: A}, error: mapping}",
    ],
)  # fmt: skip
def test_a_case_that_holds_passes(run: Run, case: str) -> None:
    (result,) = run(f"- {case}")
    assert result.failures == ()
    assert result.passed


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            "{name: n, flow: deals, %s, needs: {record: '9'}, input: {name: 'A (in:1)', stage: lost, notes: '9', more: 1}}" % EVENT,
            ('stage: expected "lost", got "won"', "more: expected 1, and is missing"),
        ),
        ("{name: n, flow: deals, %s, skip: filter}" % EVENT, ("the event should be skipped (filtered), and was taken",)),
        (
            "{name: n, flow: deals, event: {type: deal.created, data: {name: A, stage: lost}}, input: {}}",
            ("the event should be taken, and was skipped (filtered)",),
        ),
        (
            "{name: n, flow: deals, %s, needs: {record: '9'}, error: mapping}" % EVENT,
            ('the map should fail, and made {"name":"A (in:1)","stage":"won","notes":"9"}',),
        ),
        (
            "{name: n, flow: deals, event: {type: deal.created, data: {name: A}}, skip: filter}",
            ("the case's event is not a valid deal: stage: is missing",),
        ),
        (
            "{name: n, connection: in, topic: other, record: {}, events: []}",
            ("in has no map for the topic other; it has: deal",),
        ),
        (
            "{name: n, connection: in, topic: deal, record: {id: 5, name: A}, events: [{type: deal.updated}]}",
            ("expected the events deal.updated; got deal.created",),
        ),
        (
            "{name: n, connection: in, topic: deal, record: {id: 5, name: A}, events: [{type: deal.created, key: 'in:6', data: {name: A}}]}",
            ('events.0.key: expected "in:6", got "in:5"', 'events.0.data.stage: not expected, got "won"'),
        ),
        (
            "{name: n, connection: in, topic: deal, record: {id: 5}, events: []}",
            ("not a valid deal: name: is missing",),
        ),
    ],
)  # fmt: skip
def test_a_case_that_does_not_hold_says_what_is_otherwise(run: Run, case: str, said: tuple[str, ...]) -> None:
    (result,) = run(f"- {case}")
    assert result.failures == said


EXCHANGE = """\
- name: n
  flow: deals
  %s
  needs: {record: "9"}
  exchanges:
    - expect: {method: POST, path: /deals, body: {stage: won}}
      answer: %s
  outcome: %s
"""


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("{status: 201, body: {id: 7}}", "done\n  receipt: {remote_id: '7'}"),
        ("{status: 422, body: {error: no}}", "refused"),
        ("{status: 503}", "unknown"),
        ("{status: 429, headers: {retry-after: '30'}}", "not_done"),
        ("{status: 200, body: '<html>please log in</html>'}", "unknown"),
    ],
)
def test_exchanges_drive_the_action_over_scripted_answers(run: Run, answer: str, outcome: str) -> None:
    (result,) = run(EXCHANGE % (EVENT, answer, outcome))
    assert result.failures == ()


def test_an_exchange_that_is_otherwise_is_told_with_its_number(run: Run) -> None:
    wrong = EXCHANGE.replace("/deals", "/other").replace("stage: won", "stage: lost") % (EVENT, "{status: 500}", "done")
    (result,) = run(wrong)
    assert result.failures == (
        "exchange 1: path: expected /other, got /deals",
        'exchange 1: body.stage: expected "lost", got "won"',
        "the outcome should be done, and is unknown: HTTP 500",
    )


def test_an_answer_that_is_missing_or_left_over_is_told(run: Run) -> None:
    text = EXCHANGE % (EVENT, "{status: 201, body: {id: 7}}", "done")
    (missing,) = run(text.partition("    - expect")[0].replace("exchanges:", "exchanges: []") + "  outcome: done\n")
    assert missing.failures == ("no answer for put_deal: POST https://api.example.com/deals",)
    (left_over,) = run(text.replace("  outcome", "    - answer: {status: 200}\n  outcome"))
    assert left_over.failures == ("1 answers were not asked for",)


def test_results_name_file_and_line_and_may_be_chosen(write: Write) -> None:
    one = "- {name: %s, connection: in, topic: deal, record: {id: 5, name: A}, events: [{type: deal.created}]}\n"
    project = load_project(
        write({"cases/a.yaml": f"# two\n{one % 'first'}{one % 'second'}", "cases/b.yaml": one % "first"})
    )
    results = run_cases(project)
    assert [(each.file, each.line, each.name) for each in results] == [
        ("cases/a.yaml", 2, "first"),
        ("cases/a.yaml", 3, "second"),
        ("cases/b.yaml", 1, "first"),
    ]
    assert len(run_cases(project, only="second")) == 1
    assert len(run_cases(project, only="b.yaml")) == 1


def test_data_may_lie_in_a_file_and_keeps_its_digits(write: Write) -> None:
    files = {
        "cases/deal.json": '{"id": 5, "name": "A", "n": 1.10}',
        "maps/deal.jq": '{model: "deal", verb: "created", id: .id, data: {name: (.n | tostring), stage: "won"}}',
        "cases/a.yaml": "- {name: n, connection: in, topic: deal, file: cases/deal.json,"
        " events: [{type: deal.created, data: {name: '1.10', stage: won}}]}\n",
    }
    (result,) = run_cases(load_project(write(files)))
    assert result.failures == ()


@pytest.mark.parametrize(
    ("expected", "made", "said"),
    [
        ({"a": 1}, {"a": Decimal("1.0")}, []),
        ({"a": 1}, {"a": True}, ["a: expected 1, got true"]),
        ({"a": "1"}, {"a": 1}, ['a: expected "1", got 1']),
        ([1, 2], [1], ["the list: expected 2 items, got 1"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, ["a.0.b: expected 1, got 2"]),
        (None, {}, ["the value: expected null, got {}"]),
        ("x", "y" * 500, ['the value: expected "x", got "' + "y" * 99 + "…"]),
    ],
)
def test_differences_name_the_place_and_both_values(expected: object, made: object, said: list[str]) -> None:
    assert list(differences(expected, made)) == said


def test_what_is_contained_may_have_company() -> None:
    assert list(contained({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})) == []
    assert list(contained({"a": [1]}, {"a": [1, 2]})) == ["a: expected 1 items, got 2"]
