from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from crossdock.mapping.normalisers.unreadable import Unreadable, shown

OTHER_CODES = {"UK": "GB", "EL": "GR"}
"""alpha-2 codes in wide use that are not ISO's own: the United Kingdom's, and Greece's in VAT numbers"""


def country(text: object) -> str | None:
    """ISO 3166-1 alpha-2 from a code (alpha-2 or -3) or a name, in any case, with or without accents.

    Null and blank stay null.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    names = _names()
    folded = _folded(text) if isinstance(text, str) and len(text) <= 200 else ""
    if found := names.get(folded):
        return found
    close = get_close_matches(folded, names, n=1, cutoff=0.8) if len(folded) > 3 else []
    meant = f'; did you mean "{close[0]}" ({names[close[0]]})?' if close else ""
    raise Unreadable(f"{shown(text)} is no country{meant}")


def country_codes() -> frozenset[str]:
    return frozenset(_names().values())


@cache
def _names() -> Mapping[str, str]:
    """Everything that a country may be called, folded → alpha-2."""
    text = files("crossdock.mapping.normalisers").joinpath("countries.csv").read_text(encoding="utf-8")
    names = {code.casefold(): meant for code, meant in OTHER_CODES.items()}
    for row in csv.DictReader(text.splitlines()):
        called = [row["code"], row["alpha3"], row["name"], *filter(None, row["aliases"].split("|"))]
        names |= {_folded(name): row["code"] for name in called}
    return names


def _folded(name: str) -> str:
    """Without case, accents, punctuation, "the", and with "and" and "saint" spelt out."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    letters = "".join(
        char if char.isalnum() else "" if char in ".'’" or unicodedata.combining(char) else " " for char in plain
    )
    words = ("saint" if word == "st" else word for word in letters.split() if word != "the")
    return " ".join(words)
