"""A project that writes rows: checked, its cases run, and a hub that does it."""

import time
from pathlib import Path

import apsw

from crossdock.testing.live import signup

from .conftest import Hub, Type

CONNECTION = """
connector: sql
settings:
  database: sqlite:warehouse.db
  actions:
    save_person:
      do: upsert
      table: people
      key: [email]
      columns: {email: email, name: full_name, tags: tags}
      model: person
"""
FLOW = """
on: [person.created, person.updated]
to: warehouse
action: save_person
map: person-to-contact.jq
"""
CASE = """
- name: a person becomes a row
  flow: person-to-row
  event: {type: person.created, key: "in:7", data: {email: ada@example.com, name: Ada}}
  exchanges:
    - expect:
        method: SQL
        url: sqlite:warehouse.db
        body: [{}, {values: [ada@example.com, Ada, "[]"]}]
      answer: {body: {changed: [1, 1], rows: []}}
  receipt: {remote_id: ada@example.com}
"""


def with_a_warehouse(project: Path) -> apsw.Connection:
    (project / "connections" / "warehouse.yaml").write_text(CONNECTION)
    (project / "flows" / "person-to-row.yaml").write_text(FLOW)
    (project / "cases" / "person-to-row.yaml").write_text(CASE)
    warehouse = apsw.Connection(str(project / "warehouse.db"))
    warehouse.execute("CREATE TABLE people (email text PRIMARY KEY, name text, tags text)")
    return warehouse


def test_rows_are_promised_tried_and_written_once(project: Path, type_: Type) -> None:
    warehouse = with_a_warehouse(project)
    report = next(one for one in type_("check", "--json").json["flows"] if one["name"] == "person-to-row")
    assert report["guarantee"] == "once: the destination commits a mark together with the change"
    assert "warehouse commits the change together with a mark of it" in report["why"][0]
    assert type_("test", "a person becomes a row").code == 0
    with Hub(project) as hub:
        for _ in range(3):
            assert hub.post(signup(7)) == 200
        assert hub.post(signup(8)) == 200
        deadline = time.monotonic() + 15
        while not _delivered(type_) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert warehouse.execute("SELECT email, name FROM people ORDER BY email").fetchall() == [
        ("p7@example.com", "Person 7"),
        ("p8@example.com", "Person 8"),
    ]
    assert warehouse.execute("SELECT count(*) FROM crossdock_inbox").get == 2
    story = type_("trace", "p7@example.com", "--json").json
    (row,) = [row for event in story["events"] for row in event["deliveries"] if row["flow"] == "person-to-row"]
    assert row["exchanges"][0]["method"] == "SQL"
    assert "SQL 200" in type_("trace", "p7@example.com").out
    warehouse.close()


def _delivered(type_: Type) -> bool:
    flows = type_("status", "--json").json["flows"]
    return [flow["delivered"] for flow in flows] == [2, 2]


def test_a_password_is_asked_for_by_name(project: Path, type_: Type) -> None:
    with_a_warehouse(project).close()
    there = project / "connections" / "warehouse.yaml"
    there.write_text(CONNECTION.replace("sqlite:warehouse.db", "postgresql://hub@db.example.com/shop"))
    assert type_("secrets", "set", "warehouse", "--help").code == 0
    listed = type_("secrets", "list", "--json").out
    assert "password" in listed
    there.write_text(CONNECTION.replace("table: people", 'table: "people; DROP TABLE people"'))
    wrong = type_("check", "--json")
    assert wrong.code == 1
    assert "no name of a table or column" in wrong.json["problems"][0]["what"]
