"""What people write who come from other languages, and how jq says it."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_SIGNS = {
    "&&": "jq writes `and`",
    "||": "jq writes `or`",
    "??": "jq writes `//` for what stands in for null and false",
    "!": "jq writes `| not` behind the expression",
    "'": 'strings stand in double quotes: "…"',
    "“": 'strings stand in straight double quotes: "…"',
    "`": 'strings stand in double quotes, with \\(…) for what is put in: "…\\(.a)…"',
    "//": "comments begin with #",
    "/*": "comments begin with # and end with the line",
    "elsif": "jq writes `elif`",
    "elseif": "jq writes `elif`",
    "function": "jq writes `def name(f): …;`",
}

_NAMES = {
    name: ours
    for ours, names in {
        "ascii_downcase": "lower lowercase tolower toLowerCase downcase to_lower",
        "ascii_upcase": "upper uppercase toupper toUpperCase upcase to_upper",
        "length": "len size count",
        ".[from:to]": "substr substring slice",
        "tonumber": "number int float parseInt parseFloat to_number",
        "tostring": "string str text toString to_string",
        "index": "indexOf find",
        "sub or gsub": "replace replaceAll",
        "map(select(…))": "filter where",
        "type": "typeof",
        "has": "exists defined hasOwnProperty",
        "add": "sum concat",
        "add / length": "avg average mean",
        "unique": "uniq distinct",
        "startswith": "startsWith starts_with",
        "endswith": "endsWith ends_with",
        "trim": "strip",
        "to_entries": "items entries",
        "fromjson": "parse json_decode parse_json",
        "tojson": "stringify json_encode to_json",
        "//": "coalesce default ifnull",
    }.items()
    for name in names.split()
}


def for_sign(text: str, offset: int) -> str:
    """What to say about the text that stands at the offset, begun with a semicolon; nothing if it says nothing."""
    found = max((sign for sign in _SIGNS if text.startswith(sign, offset)), key=len, default=None)
    if found is None and offset and text[offset - 1] in "&|?" and text[offset - 1 : offset + 1] in _SIGNS:
        found = text[offset - 1 : offset + 1]
    return f"; {_SIGNS[found]}" if found else ""


def for_name(name: str, arity: int, known: Collection[tuple[str, int]]) -> str:
    """The function that may have been meant: one with as many arguments, rather than one spelled alike."""
    if name in _NAMES:
        return f"; jq calls it {_NAMES[name]}"
    names = {found for found, count in known if not found.startswith("_") and count == arity}
    others = {found for found, _ in known if not found.startswith("_")}
    close = get_close_matches(name, sorted(names), 1, 0.6) or get_close_matches(name, sorted(others), 1, 0.8)
    return f"; did you mean {close[0]}?" if close else ""
