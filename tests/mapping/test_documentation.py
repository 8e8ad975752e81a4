"""docs/mapping.md lists every function as it is. `python tests/mapping/test_documentation.py` writes its list anew."""

from itertools import groupby
from pathlib import Path

from crossdock.mapping.functions import FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"
START, END = "<!-- functions -->\n", "<!-- /functions -->"


def listed() -> str:
    parts = []
    for group, functions in groupby(FUNCTIONS, key=lambda function: function.group):
        parts.append(f"### {group}\n")
        for function in functions:
            examples = "\n".join(f"{source}\n# {output}" for source, output in function.examples)
            parts.append(f"**`{function.signature}`**\n\n{function.description}\n\n```jq\n{examples}\n```\n")
    return "\n".join(parts)


def test_the_page_lists_every_function_as_it_is():
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(START)[2].partition(END)[0] == f"\n{listed()}\n"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(f"{before}{START}\n{listed()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
