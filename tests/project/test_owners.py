"""`owner:` of a model: which connection's word holds for a field."""

from collections.abc import Callable

import pytest

from crossdock.project import Checked

OWNED = "extends: deal\nowner:\n  name: in\n  stage: out\n"


def test_owners_reach_the_hub(check: Callable[..., Checked]) -> None:
    checked = check({"models/deal.yaml": OWNED})
    assert not checked.errors
    assert checked.project is not None
    assert checked.project.landscape.owners == {"deal": {"name": "in", "stage": "out"}}
    (report,) = checked.reports
    assert "deal: name is as in says; stage is as out says; of any other field the newest change holds" in report.why


def test_a_model_whose_file_says_nothing_of_owners_is_as_it_was(check: Callable[..., Checked]) -> None:
    checked = check({"models/deal.yaml": "extends: deal\n"})
    assert checked.project is not None
    assert checked.project.landscape.owners == {}


def test_without_owners_the_newest_change_of_every_field_may_hold(check: Callable[..., Checked]) -> None:
    checked = check({"models/deal.yaml": "extends: deal\nowner: {}\n"})
    assert checked.project is not None
    assert checked.project.landscape.owners == {"deal": {}}


@pytest.mark.parametrize(
    ("owner", "line", "what", "hint"),
    [
        ("owner:\n  name: on\n", 3, "there is no connection `on`", "there are: in, out"),
        ("owner:\n  nam: in\n", 3, "the model has no field `nam` at its top", "did you mean `name`?"),
        ("owner: in\n", 2, "should name a connection for each field", "newest change"),
        ("owner:\n  name: [in]\n", 3, "should be the name of a connection", ""),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(
    check: Callable[..., Checked], owner: str, line: int, what: str, hint: str
) -> None:
    (error,) = check({"models/deal.yaml": f"extends: deal\n{owner}"}).errors
    assert (error.file, error.line) == ("models/deal.yaml", line)
    assert what in error.what
    assert hint in error.hint
