"""Reference tables: exact keys, a rule for the others, and every fault of a file told with its line."""

from decimal import Decimal
from pathlib import Path

import pytest

from crossdock.core.errors import ProjectError
from crossdock.mapping.normalisers.unreadable import Unreadable
from crossdock.mapping.table_files import load_tables
from crossdock.mapping.tables import Tables


def tables(tmp_path: Path, **files: str | bytes) -> Tables:
    folder = tmp_path / "tables"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_bytes(content.encode() if isinstance(content, str) else content)
    return load_tables(folder)


def problems(tmp_path: Path, **files: str | bytes) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        tables(tmp_path, **files)
    return [str(problem) for problem in caught.value.problems]


def test_two_columns_answer_text_and_more_answer_an_object(tmp_path):
    found = tables(tmp_path, two_csv="code,id\nHST,5\n", three_csv="code,id,name\nHST,5,Harmonised\n")
    assert found.lookup("two", "HST") == "5"
    assert found.lookup("three", "HST") == {"id": "5", "name": "Harmonised"}
    assert found.names == ["three", "two"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfcode,id\r\nHST,5\r\n",
        "code;id\nHST;5\n".encode("utf-16"),
        b"code\tid\nHST\t5",
        b'# our own\n#default: error\n"code","id"\n\n  HST , "5"\n'.replace(b', "5"', b',"5"'),
        b"values:\n  HST: '5'\n",
        b"default: passthrough\nvalues: {HST: '5'}\ndescription: Ours.\n",
    ],
)
def test_a_table_is_read_as_people_save_it(tmp_path, content):
    suffix = "yaml" if b"values" in content else "csv"
    assert tables(tmp_path, **{f"t_{suffix}": content}).lookup("t", "HST") == "5"


def test_a_cell_may_hold_commas_quotes_and_line_breaks(tmp_path):
    found = tables(tmp_path, t_csv='code,text\nA,"one, ""two""\nthree\u2028four"\n"=1+1",x\n')
    assert found.lookup("t", "A") == 'one, "two"\nthree\u2028four'
    assert found.lookup("t", "=1+1") == "x"


def test_a_key_without_a_row_is_an_error_unless_the_table_says_otherwise(tmp_path):
    found = tables(
        tmp_path,
        strict_csv="code,id\nHST,5\n",
        through_csv="# default: passthrough\ncode,id\nHST,5\n",
        other_csv="# default: value 7\ncode,id\nHST,5\n",
        null_yaml="default: {value: null}\nvalues: {HST: '5'}\n",
    )
    with pytest.raises(Unreadable, match='table "strict": it has no row "HSTT"; did you mean "HST"'):
        found.lookup("strict", "HSTT")
    assert [found.lookup(name, "GST") for name in ("through", "other", "null")] == ["GST", "7", None]


def test_a_null_key_is_a_key_without_a_row_and_never_the_text_none(tmp_path):
    found = tables(tmp_path, t_csv="code,id\nNone,5\nnull,6\n", other_csv="# default: value 7\ncode,id\nNone,5\n")
    with pytest.raises(Unreadable, match="no key was given"):
        found.lookup("t", None)
    assert found.lookup("other", None) == "7"


def test_whole_numbers_are_keys_and_other_values_are_none(tmp_path):
    found = tables(tmp_path, t_csv="code,id\n21,a\ntrue,b\n")
    assert found.lookup("t", 21) == found.lookup("t", Decimal("21.0")) == "a"
    for key in (True, Decimal("21.5"), Decimal("NaN"), Decimal("1e999999999"), [], {}):
        with pytest.raises(Unreadable):
            found.lookup("t", key)


def test_a_yaml_value_keeps_its_digits(tmp_path):
    found = tables(tmp_path, t_yaml="values: {rate: 0.130, big: 12345678901234567890, row: {a: [1, true, null]}}\n")
    assert str(found.lookup("t", "rate")) == "0.130"
    assert found.lookup("t", "big") == 12345678901234567890
    assert found.lookup("t", "row") == {"a": [1, True, None]}


def test_an_unknown_table_names_the_one_that_was_meant(tmp_path):
    with pytest.raises(Unreadable, match='no table "tax_code"; did you mean "tax_codes"'):
        tables(tmp_path, tax_codes_csv="code,id\nHST,5\n").lookup("tax_code", "HST")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "t.csv:1:1: has no header"),
        ("code\nHST\n", "t.csv:1:1: a table has a key and at least one more"),
        ("code,id\nHST,5\nGST\n", "t.csv:3:1: has 1 cells where the header has 2"),
        ("code,id\nHST,5,6\n", "t.csv:2:1: has 3 cells where the header has 2"),
        ('code,id\nA,"x\ny"\nHST,5\nHST,6\n', 't.csv:5:1: "HST" has a row on line 4 already'),
        ("code,id\n,5\n", "t.csv:2:1: has no key"),
        ("code,id,id\nHST,5,6\n", 't.csv:1:1: two columns are named "id"'),
        ("code,\nHST,5\n", "t.csv:1:1: column 2 has no name"),
        ('code,id\nHST,"5\n', "t.csv:2:1: not valid CSV"),
        ('code,id\nHST,"5"6\n', "t.csv:2:1: not valid CSV"),
        ("code,id\nH\0ST,5\n", "t.csv:2:1: holds the control character U+0000"),
        (b"code,id\nH\xe9,5\n", "t.csv:2:2: not utf-8: invalid continuation byte at byte 9\n    save it as UTF-8"),
        ("# default: sometimes\ncode,id\n", "t.csv:1:1: the rule for other keys"),
        ("# default: value\ncode,id\n", "t.csv:1:1: the rule for other keys"),
        ("# default: value 7\ncode,id,name\n", "t.csv:1:1: a default value goes with two columns"),
    ],
)
def test_a_wrong_csv_is_told_with_its_line(tmp_path, content, expected):
    assert problems(tmp_path, t_csv=content)[0].startswith(f"tables/{expected}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1:1: should hold `values`"),
        ("values: []\n", "1:1: should hold `values`"),
        ("values:\n  HST: '5'\n  HST: '6'\n", "3:3: not valid YAML"),
        ("values: {a: [1\n", "2:1: not valid YAML"),
        ("values:\n  a: x\n  21: x\n", '3:1: the key "21" is not text\n    put it in quotes'),
        ("values:\n  a: 2026-01-01\n", '2:1: "2026-01-01" is no JSON value\n    put it in quotes'),
        ("values:\n  a: .nan\n", '2:1: "NaN" is no JSON value'),
        ("values: {}\ndefault: sometimes\n", "2:1: the rule for other keys"),
        ("values: {}\nrows: {}\n", "2:1: `rows` is no part of a table"),
    ],
)
def test_a_wrong_yaml_is_told_with_its_line(tmp_path, content, expected):
    assert problems(tmp_path, t_yaml=content)[0].startswith(f"tables/t.yaml:{expected}")


def test_a_yaml_tag_runs_nothing(tmp_path):
    found = tables(tmp_path, t_yaml="values:\n  a: !!python/object/apply:os.abort []\n")
    assert found.lookup("t", "a") == []


def test_all_problems_of_all_tables_are_told_in_one_run(tmp_path):
    found = problems(tmp_path, a_csv="code,id\nx\ny\n", b_yaml="values: []\n", a_yaml="values: {}\n")
    assert [line.partition(":")[0] for line in found] == ["tables/a.csv"] * 2 + ["tables/b.yaml"]


def test_two_files_of_one_name_are_refused(tmp_path):
    (problem,) = problems(tmp_path, a_csv="code,id\nx,1\n", a_yaml="values: {}\n")
    assert problem == 'tables/a.yaml: there are two tables "a"'


def test_a_project_without_tables_has_none(tmp_path):
    assert load_tables(tmp_path / "tables").names == load_tables(None).names == []
