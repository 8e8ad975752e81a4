"""Text as receivers can keep it: decoded by a rule, composed, free of what cannot be seen, and short enough."""

from __future__ import annotations

import codecs
import re
import unicodedata

from crossdock.mapping.normalisers.unreadable import Unreadable, shown

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # the 32-bit mark first: it starts like the 16-bit one
CHARSETS = frozenset(
    codecs.lookup(name).name
    for name in (
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "us-ascii"),
        *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
        *(f"windows-{page}" for page in range(1250, 1259)),
        *("cp437", "cp850", "cp852", "cp866", "cp932", "cp949", "mac-roman", "koi8-r", "koi8-u", "tis-620"),
        *("shift_jis", "euc-jp", "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr"),
    )
)
"""What a body may say it is written in; codecs that are no character sets (`hex`, `utf-7`) are not among them."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
"""control characters but tab and line feed, direction overrides, marks of no width, halves of pairs"""


def decode(data: bytes, charset: str | None = None) -> str:
    """Text by rule: a byte order mark decides; else `charset`, where it is given; else UTF-8. Never guessed.

    Raises Unreadable with the byte position for what is not in that charset, and for charsets not in `CHARSETS`.
    """
    mark, name = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", charset or "utf-8"))
    try:
        codec = codecs.lookup(name.strip("\"' ")).name
    except (LookupError, ValueError):
        codec = ""
    if codec not in CHARSETS:
        raise Unreadable(f"{shown(name)} is no charset that is read here")
    try:
        return data[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not {name}: {error.reason} at byte {error.start + len(mark)}") from None


def text_clean(text: object) -> str | None:
    """Composed (NFC), lines ended by line feeds, without what cannot be seen and without blanks around it.

    Null stays null, and text of which nothing is left becomes null.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise Unreadable(f"{shown(text)} is no text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNSEEN.sub("", lines)).strip() or None


def text_line(text: object) -> str | None:
    """As `text_clean`, on one line with single blanks: for names."""
    clean = text_clean(text)
    return None if clean is None else " ".join(clean.split())


def cut(text: object, length: object) -> str | None:
    """At most `length` characters, not ending within a letter and its accents or an emoji. Null stays null.

    Counted in UTF-16 units, the strictest count that platforms use (an emoji is two or more). Blanks before the cut go.
    """
    if text is None:
        return None
    if not isinstance(text, str) or isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise Unreadable(f"cut wants text and a length, not {shown(text)} and {shown(length)}")
    if len(text) * 2 <= length or _units(text) <= length:
        return text
    end, used = 0, 0
    while used + (units := _units(text[end])) <= length:
        used += units
        end += 1
    while end and _belongs(text, end):
        end -= 1
    return text[:end].rstrip()


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _belongs(text: str, at: int) -> bool:
    """Whether the character at `at` continues what stands before it."""
    char, before = text[at], text[at - 1]
    if char in "\u200d\ufe0e\ufe0f" or before == "\u200d" or unicodedata.combining(char):
        return True
    if unicodedata.category(char) in ("Mn", "Mc", "Me") or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if "\U000e0020" <= char <= "\U000e007f":  # the tags of a regional flag
        return True
    if _is_flag_half(char) and _is_flag_half(before):
        run = at
        while run and _is_flag_half(text[run - 1]):
            run -= 1
        return (at - run) % 2 == 1
    return _is_jamo(before) and "\u1160" <= char <= "\u11ff"


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_jamo(char: str) -> bool:
    return "\u1100" <= char <= "\u11ff" or "\uac00" <= char <= "\ud7a3"
