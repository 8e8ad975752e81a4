"""link: records that exist on both sides already."""

from pathlib import Path

import pytest

from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type
from .test_decisions import until


@pytest.fixture
def finding(project: Path) -> Path:
    """The API can be asked for contacts by e-mail address; the flow holds back, so that nothing is linked yet."""
    out = project / "connections" / "out.yaml"
    find = '      find: {path: "/contacts?email={email}", items: hits, match: {email: "{email}"}}\n'
    out.write_text(out.read_text().replace("      path: /contacts\n", f"      path: /contacts\n{find}"))
    flow = project / "flows" / "person-to-contact.yaml"
    flow.write_text(flow.read_text() + 'where: "false"\n')
    return project


@pytest.mark.parametrize("running", [True, False])
def test_certain_records_are_linked_and_doubtful_ones_left_to_a_person(
    finding: Path, type_: Type, there: Sink, running: bool
) -> None:
    there.records = [
        {"id": "c7", "email": "p7@example.com"},
        {"id": "c8", "email": "p8@example.com"},
        {"id": "c8b", "email": "p8@example.com"},
    ]
    with Hub(finding) as hub:
        for number in (7, 8, 9):
            assert hub.post(signup(number)) == 200
        while type_("status", "--json").json["connections"][0]["normalised"] < 3:
            pass
        if not running:
            hub.stop()
        words = ("link", "out", "person", "--by", "email")
        dry = type_(*words, "--dry-run", "--json").json
        assert dry["sums"] == {"would link": 1, "doubtful": 1, "not found": 1}
        linked = type_(*words, "--json").json
        assert linked["sums"] == {"linked": 1, "doubtful": 1, "not found": 1}
        assert type_(*words, "--json").json["sums"] == {"doubtful": 1, "not found": 1}
        told = type_(*words, "--dry-run")
        assert "doubtful" in told.out
        assert told.code == 0
    (record,) = type_("trace", "in:7", "--json").json["records"]
    assert (record["remote_id"], record["state"]) == ("c7", "linked")


def test_a_linked_record_is_brought_up_to_date_and_not_created(finding: Path, type_: Type, there: Sink) -> None:
    there.records = [{"id": "c7", "email": "p7@example.com"}]
    with Hub(finding) as hub:
        assert hub.post(signup(7)) == 200
        while type_("status", "--json").json["connections"][0]["normalised"] < 1:
            pass
        assert type_("link", "out", "person").code == 0
    flow = finding / "flows" / "person-to-contact.yaml"
    flow.write_text(flow.read_text().replace('where: "false"\n', ""))
    with Hub(finding) as hub:
        assert hub.post(signup("7b", person=7)) == 200
        until(type_, "delivered")
    exchanges = type_("trace", "in:7", "--json").json["events"][-1]["deliveries"][0]["exchanges"]
    assert [(one["method"], one["url"].rpartition("/")[2]) for one in exchanges] == [("PUT", "c7")]


def test_what_cannot_be_looked_for_is_said(finding: Path, type_: Type) -> None:
    for words, said in (
        (("out", "order"), "there are flows for: person"),
        (("nowhere", "person"), "there are: in, out"),
        (("out", "person", "--by", "shoe size"), "it looks by email"),
    ):
        answer = type_("link", *words)
        assert answer.code == 2
        assert said in answer.err
