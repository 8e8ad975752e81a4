"""Files that are no files, hold what they should not, or hold too much: one clear error each, at its place."""

# ruff: noqa: E501 - a mistake and what is said of it read best side by side

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crossdock.core.errors import Problem
from crossdock.project import Checked, check_project

Check = Callable[..., Checked]
Write = Callable[[Mapping[str, str | bytes | None]], Path]

FLOW = "on: [deal.created]\nto: out\naction: put_deal\n"
OUT = "connector: http\nsettings:\n  base_url: https://api.example.com\n"
LEVELS = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9))
BOMB = f"a: &a [x,x,x,x,x,x,x,x,x]\n{LEVELS}"
"""some four thousand million values"""


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"crossdock.yaml": ""}, "crossdock.yaml:1:1: `name` is missing"),
        ({"connections/out.yaml": ""}, "connections/out.yaml:1:1: `connector` is missing"),
        ({"cases/a.yaml": ""}, "cases/a.yaml:1:1: should be a list of cases"),
        ({"models/a.yaml": ""}, "models/a.yaml:1:1: should be a mapping"),
        ({"tables/a.csv": ""}, "tables/a.csv:1:1: has no header"),
        ({"tables/a.yaml": ""}, "tables/a.yaml:1:1: should hold `values`"),
        ({"maps/deal.jq": ""}, "maps/deal.jq:1:1: holds no program\n    a map that changes nothing is `.`"),
        ({"maps/deal.jq": "# to be written\n\n  # soon"}, "maps/deal.jq:1:1: holds no program"),
        ({"flows/deals.yaml": "on:\n\t- deal.created\n"}, "flows/deals.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token\n    indent with spaces"),
        ({"crossdock.yaml": "name: x\n---\nname: y\n"}, "crossdock.yaml:2:1: not valid YAML: expected a single document in the stream, but found another document"),
        ({"crossdock.yaml": "name: tr\0ial\n"}, "crossdock.yaml:1:9: not valid YAML: the character U+0000 does not belong in a text"),
        ({"crossdock.yaml": "name: !!python/object:os.system x\n"}, "crossdock.yaml:1:7: the tag tag:yaml.org,2002:python/object:os.system is not read here"),
        ({"flows/deals.yaml": BOMB}, "flows/deals.yaml:1:10: holds more than 100,000 values once its aliases"),
        ({"models/a.yaml": BOMB}, "models/a.yaml:1:10: holds more than 100,000 values once its aliases"),
        ({"tables/a.yaml": BOMB}, "tables/a.yaml:1:10: holds more than 100,000 values once its aliases"),
        ({"cases/a.yaml": "- {a: " + "[" * 2000 + "]" * 2000 + "}"}, "cases/a.yaml:1:69: is nested more than 64 deep"),
        ({"models/a.yaml": "$id: a@1\n$id: b@1\n"}, "models/a.yaml:2:1: `$id` is here twice; the first is on line 1"),
        ({"flows/deals.yaml": FLOW.encode() + b"description: \xff\n"}, "flows/deals.yaml:4:14: is not UTF-8 text\n    save it as UTF-8"),
        ({"maps/deal.jq": b"# caf\xe9\n."}, "maps/deal.jq:1:6: is not UTF-8 text"),
        ({"models/a.yaml": b"title: \xe9\n"}, "models/a.yaml:1:8: is not UTF-8 text"),
        ({"crossdock.yaml": "name: x\n".encode("utf-16")}, "crossdock.yaml:1:1: is not UTF-8 text"),
        ({"tables/a.csv": "a,b\n1,x\n1,y\n"}, 'tables/a.csv:3:1: "1" has a row on line 2 already'),
        ({"tables/a.csv": "a,b\n1,x,3\n"}, "tables/a.csv:2:1: has 3 cells where the header has 2"),
        ({"cases/a.yaml": "- {name: x, connection: in, topic: deal, file: cases/a.json, events: []}", "cases/a.json": '{\n"a": nope}'}, "cases/a.json:2:"),
        ({"cases/a.yaml": "- {name: x, connection: in, topic: deal, file: cases/b.json, events: []}"}, "cases/a.yaml:1:48: cases/b.json is not there"),
        ({"connections/out.yaml": OUT + "  token: abc\n"}, "connections/out.yaml:4:3: `token` is not a key of the settings of http\n    a secret is in no file of the project: crossdock secrets set out token"),
        ({"connections/out.yaml": OUT.replace("https://", "https://me:pw@")}, "connections/out.yaml:3:13: `base_url`: a URL may hold no password"),
        ({"connections/out.yaml": OUT + "  actions:\n    put_deal: {update: {path: '/deals/{hub.remote}'}, path: /deals}\n"}, "connections/out.yaml:5:31: `actions.put_deal.update.path`: the hub knows no {hub.remote}; did you mean {hub.remote_id}?"),
        ({"connections/out.yaml": OUT + "  actions:\n    put_deal:\n      path: /deals\n      marker: note\n      find: {path: '/deals?note={hub.marker}', match: {note: '{hub.makrer}'}}\n"}, "connections/out.yaml:8:62: `actions.put_deal.find.match.note`: the hub knows no {hub.makrer}; did you mean {hub.marker}?"),
        ({"connections/out.yaml": OUT + "  headers: {X-Of: '{hub.tenant}'}\n"}, "connections/out.yaml:4:12: `headers`: the hub knows no {hub.tenant}; it knows {hub.key}, {hub.marker}, {hub.remote_id}, {hub.needs.NAME}"),
        ({"crossdock.yaml": f"name: x\nlisten: {{port: {'9' * 5000}}}\n"}, "crossdock.yaml:2:16: 9999"),
        ({"maps/deal.jq": 'import "/etc/passwd" as $x; .'}, "maps/deal.jq:1:1: this program may not import"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_clear_error(check: Check, files: Mapping[str, str | bytes], said: str) -> None:
    checked = check(files)
    told = [str(problem) for problem in checked.errors]
    assert len([one for one in told if one.startswith(said)]) == 1, told
    assert {problem.file for problem in checked.errors} == {said.partition(":")[0]}, told


def a_folder(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()


def a_file(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).write_text("x")


def a_link_out(folder: Path, name: str) -> None:
    outside = folder.parent / f"{folder.name}-outside"
    outside.mkdir(parents=True)
    if (folder / name).is_dir():
        shutil.move(folder / name, outside / "there")
    else:
        (outside / "there").write_text("x")
        (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside / "there")


def a_circle(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(Path(name).name)


def a_pipe(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def huge(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    with (folder / name).open("ab") as file:
        file.truncate(3 << 30)


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (a_folder, "crossdock.yaml", "is not a plain file"),
        (a_folder, "flows/deals.yaml", "is not a plain file"),
        (a_folder, "maps/deal.jq", "is not a plain file"),
        (a_file, "flows", "should be a folder"),
        (a_file, "connections", "should be a folder"),
        (a_file, "models", "should be a folder"),
        (a_file, "tables", "should be a folder"),
        (a_file, "cases", "should be a folder"),
        (a_link_out, "crossdock.yaml", "leads out of the project's folder"),
        (a_link_out, "maps/deal.jq", "leads out of the project's folder"),
        (a_link_out, "maps", "leads out of the project's folder"),
        (a_link_out, "flows", "leads out of the project's folder"),
        (a_circle, "flows/deals.yaml", "is not there"),
        (a_pipe, "flows/deals.yaml", "is not a plain file"),
        (a_pipe, "maps/deal.jq", "is not a plain file"),
        (a_pipe, "tables/a.csv", "is not a plain file"),
        (huge, "crossdock.yaml", "is larger than 1,024 KiB"),
        (huge, "maps/deal.jq", "is larger than 1,024 KiB"),
        (huge, "models/a.yaml", "is larger than 1,024 KiB"),
        (huge, "tables/a.yaml", "is larger than 16,384 KiB"),
    ],
)
def test_what_is_no_file_of_a_project_is_not_read(
    write: Write, spoil: Callable[[Path, str], None], name: str, said: str
) -> None:
    folder = write({})
    spoil(folder, name)
    told = [str(problem) for problem in check_project(folder).errors]
    assert any(one.startswith((f"{name}: {said}", f"{name}/deal.jq: {said}")) for one in told), told


def test_everything_that_is_wrong_is_told_in_one_run(check: Check) -> None:
    checked = check(
        {
            "crossdock.yaml": "nme: x\n",
            "connections/out.yaml": "connector: htpp\n",
            "flows/deals.yaml": "on: [dael.created]\nto: out\nacton: put_deal\n",
            "maps/deal.jq": "{",
            "models/a.yaml": "$id: a@1\n$id: b@1\n",
            "tables/a.csv": "a,b\n1,x,3\n",
            "cases/a.yaml": "name: x\n",
        }
    )
    assert {problem.file for problem in checked.errors} == {
        "crossdock.yaml", "connections/out.yaml", "flows/deals.yaml", "maps/deal.jq", "models/a.yaml", "tables/a.csv", "cases/a.yaml",
    }  # fmt: skip
    assert all(problem.line for problem in checked.errors)


PERSON = "$id: person@1\ntype: object\nproperties:\n  age: {type: number, description: In years.}\nadditionalProperties: false\n"
OF_PEOPLE = {
    "models/person.yaml": PERSON,
    "flows/people.yaml": "on: [person.created]\nto: out\naction: send\nwhere: .age > 17\nneeds: {person: {key: .age}}\nmap: .\n",
    "connections/out.yaml": OUT
    + "  actions: {send: {path: /people, input: person}, put_deal: {path: /deals, input: deal}}\n",
}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (PERSON.replace("number", "numbr"), 'models/person.yaml:4:9: there is no type "numbr"; did you mean "number"?'),
        (PERSON.replace("$id: person@1", "$id: person"), "models/person.yaml:1:1: say what this is"),
        (PERSON.replace("type: object", "type: [object"), "models/person.yaml:3:11: not valid YAML"),
        (PERSON.replace("number", "number, maxLength: much"), "models/person.yaml:4:23: "),
        (
            PERSON.replace("number", "number, const: .nan"),
            "models/person.yaml:4:30: .nan is no number that is read here\n    put text in quotes",
        ),
        (
            PERSON.replace("number", "number, enum: [1, -.inf]"),
            "models/person.yaml:4:33: -.inf is no number that is read here",
        ),
        (
            PERSON.replace("number", "number, maximum: 1e999"),
            "models/person.yaml:4:32: 1e999 is no number that is read here",
        ),
    ],
)
def test_a_broken_model_is_told_and_nothing_that_rests_on_it(check: Check, spoilt: str, said: str) -> None:
    (problem,) = check({**OF_PEOPLE, "models/person.yaml": spoilt}).errors
    assert str(problem).startswith(said)


def test_what_rests_on_a_model_that_is_well_is_told_beside_one_that_is_not(check: Check) -> None:
    files = {**OF_PEOPLE, "models/pet.yaml": "$id: pet@1\ntype: objct\nproperties: {}\n"}
    files["flows/people.yaml"] = files["flows/people.yaml"].replace(".age >", ".agee >")
    assert [problem.file for problem in check(files).errors] == ["models/pet.yaml", "flows/people.yaml"]


def test_an_extension_that_is_broken_makes_nobody_look_for_its_fields(check: Check) -> None:
    broken = "extends: deal\nproperties:\n  colour: {type: strng, description: Its colour.}\n"
    flow = FLOW + 'where: .colour == "red"\n'
    (problem,) = check({"models/deal.yaml": broken, "flows/deals.yaml": flow}).errors
    assert str(problem).startswith('models/deal.yaml:3:12: there is no type "strng"; did you mean "string"?')


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"connections/in.yaml": f"connector: {LONG}\n"}, f"there is no connector '{'x' * 80}…'"),
        ({"connections/in.yaml": f"connector: it is {LONG} y {LONG}\n"}, f"there is no connector 'it is {'x' * 74}…'"),
        ({"flows/deals.yaml": f"on: [deal.created]\nto: out\naction: {LONG}\n"}, f"out has no action `{'x' * 80}…`"),
        ({"flows/deals.yaml": f"{FLOW}map: {LONG}\n"}, f"{'x' * 80}… is not defined"),
        ({"flows/deals.yaml": f"{FLOW}map: {LONG}.jq\n"}, f"there is no file maps/{'x' * 75}…"),
        ({"connections/out.yaml": f"{OUT}maps: {{deal: {LONG}.jq}}\n"}, f"there is no file maps/{'x' * 75}…"),
    ],
)
def test_a_long_value_is_not_repeated_whole(check: Check, files: Mapping[str, str], said: str) -> None:
    told = [problem.what for problem in check(files).problems]
    assert any(said in what for what in told), told
    assert all(len(what) < 600 for what in told)


def test_a_value_that_is_quoted_beside_others_is_repeated_as_it_is() -> None:
    what = f"the flow's `{'a' * 80}` and '{'b' * 80}' are not \"{'c' * 80}\", `/a/` is another's `b` (`{'d' * 80}`)"
    assert Problem("a.yaml", 1, 1, what).what == what
