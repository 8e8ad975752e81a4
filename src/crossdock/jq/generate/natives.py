"""Native functions whose ordinary case is a Python expression: written in place, with the function for the rest."""

from __future__ import annotations

from crossdock.jq.builtins.registry import NATIVES
from crossdock.jq.generate.core import Ex
from crossdock.jq.generate.generator import Generator

_SIZED = ("str", "list", "dict")
_OF_TEXT = {
    ("startswith", 1): ("{v}.startswith({a})", "bool"),
    ("endswith", 1): ("{v}.endswith({a})", "bool"),
    ("ltrimstr", 1): ("{v}.removeprefix({a})", "str"),
    ("rtrimstr", 1): ("{v}.removesuffix({a})", "str"),
}
"""Of a string, with a literal string as the argument."""


def native_function(g: Generator, name: str, arity: int) -> str:
    """The name by which generated code calls the native."""
    python = f"b_{name.lstrip('_')}_{arity}"
    g.namespace[python] = NATIVES[name, arity].function
    return python


def in_place(g: Generator, name: str, v: Ex, args: list[Ex]) -> Ex | None:
    """The call as an expression, or None where the function is to be called."""
    if (name, len(args)) == ("length", 0):
        if v.kind in _SIZED:
            return g.pure(f"len({v})", "int")
        return g.shared(f"len({v}) if type({v}) in SIZED else {native_function(g, name, 0)}({v})", "num")
    if (name, len(args)) == ("tostring", 0):
        return v if v.kind == "str" else g.shared(f"{v} if type({v}) is str else to_string({v}, st)", "str")
    if (name, len(args)) == ("ascii_downcase", 0) and v.kind in (None, "str"):
        plain = f"{v}.lower() if type({v}) is str and {v}.isascii()"
        return g.shared(f"{plain} else {native_function(g, name, 0)}({v})", "str")
    ordinary = _OF_TEXT.get((name, len(args)))
    if ordinary is None or v.kind not in (None, "str") or args[0].kind != "str" or args[0].isidentifier():
        return None
    text, kind = ordinary[0].format(v=v, a=args[0]), ordinary[1]
    if v.kind == "str":
        return g.shared(text, kind)
    return g.shared(f"{text} if type({v}) is str else {native_function(g, name, 1)}({v}, {args[0]})", kind)
