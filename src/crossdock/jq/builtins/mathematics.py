"""Natives on numbers. Rounding is exact; functions of analysis compute in doubles, as jq prescribes."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import cache, partial
from typing import Any

from crossdock.jq.builtins.registry import NATIVES, native
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, Number, from_double, to_double, too_long
from crossdock.jq.text import shown_as

MAX_ORDER = 10_000


def _number(v: Any) -> Number:
    if type(v) not in NUMBERS:
        raise RunError(f"{shown_as(v)} number required")
    return v  # type: ignore[no-any-return]


def _rounding(name: str, mode: str) -> None:
    @native(name, kind="num")
    def rounded(v: Any) -> Any:
        x = _number(v)
        if type(x) is not Decimal:
            return x
        if x.adjusted() > 4300:
            raise too_long()
        return int(x.to_integral_value(mode))


_rounding("floor", ROUND_FLOOR)
_rounding("ceil", ROUND_CEILING)
_rounding("round", ROUND_HALF_UP)
_rounding("trunc", ROUND_DOWN)
_rounding("rint", ROUND_HALF_EVEN)
_rounding("nearbyint", ROUND_HALF_EVEN)


@native("fabs", kind="num")
def fabs(v: Any) -> Any:
    x = _number(v)
    return x.copy_abs() if type(x) is Decimal else abs(x)


def safely(function: Callable[..., float], *args: float) -> float:
    """C's answer where Python raises: nan outside the domain, infinity on overflow."""
    try:
        return function(*args)
    except ValueError:
        return math.nan
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _one(name: str, function: Callable[[float], float]) -> None:
    @native(name, kind="num")
    def apply(v: Any) -> Any:
        return from_double(safely(function, to_double(_number(v))))


def _two(name: str, function: Callable[[float, float], float]) -> None:
    @native(name, 2, kind="num")
    def apply(_v: Any, a: Any, b: Any) -> Any:
        return from_double(safely(function, to_double(_number(a)), to_double(_number(b))))


def _three(name: str, function: Callable[[float, float, float], float]) -> None:
    @native(name, 3, kind="num")
    def apply(_v: Any, a: Any, b: Any, c: Any) -> Any:
        numbers = [to_double(_number(x)) for x in (a, b, c)]
        return from_double(safely(function, *numbers))


def _log(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else function(x)


def _logb(x: float) -> float:
    if x == 0:
        return -math.inf
    return abs(x) if math.isinf(x) or x != x else float(math.frexp(x)[1] - 1)


def _significand(x: float) -> float:
    return x if x == 0 or math.isinf(x) or x != x else math.frexp(x)[0] * 2


def _pow(a: float, b: float) -> float:
    if a == 0 and b < 0:
        return math.copysign(math.inf, a) if b % 2 == 1 else math.inf
    if a < 0 and not math.isinf(b) and b % 2 == 1 and b > 0:
        return -safely(math.pow, -a, b)
    return math.pow(a, b)


def _gamma(x: float) -> float:
    return math.inf if math.isinf(x) or (x <= 0 and x.is_integer()) else math.lgamma(x)


def _true_gamma(x: float) -> float:
    return math.copysign(math.inf, x) if x == 0 else math.gamma(x)


def _atanh(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x)


def _signed(function: Callable[..., float]) -> Callable[..., float]:
    """What is too large has the sign of the argument."""
    return lambda x, *rest: math.copysign(safely(function, abs(x), *rest), x)


def _ldexp(a: float, b: float) -> float:
    return math.ldexp(a, int(max(-5000.0, min(5000.0, b))))


@cache
def _of_c(name: str, *arguments: Any) -> Callable[..., float]:
    """A function of C's own mathematics, which Python is linked to but does not show."""
    try:
        function: Any = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        raise RunError(f"{name} is not available on this machine") from None
    function.restype, function.argtypes = ctypes.c_double, arguments
    return function  # type: ignore[no-any-return]


def _bessel(name: str, x: float) -> float:
    return _of_c(name, ctypes.c_double)(x)


def _bessel_of_order(name: str, order: float, x: float) -> float:
    if not abs(order) <= MAX_ORDER:
        raise RunError(f"{name}: the order must be within {MAX_ORDER:,}")  # C takes steps without end
    return _of_c(name, ctypes.c_int, ctypes.c_double)(int(order), x)


for _name in ("sin", "cos", "tan", "asin", "acos", "atan", "cosh", "tanh", "asinh", "acosh", "sqrt", "exp",
              "expm1", "erf", "erfc"):  # fmt: skip
    _one(_name, getattr(math, _name))
_one("sinh", _signed(math.sinh))
_one("atanh", _atanh)
_one("cbrt", getattr(math, "cbrt", lambda x: math.copysign(abs(x) ** (1 / 3), x)))
_one("exp2", lambda x: 2.0**x)
_one("exp10", lambda x: 10.0**x)
_one("pow10", lambda x: 10.0**x)
_one("log", _log(math.log))
_one("log2", _log(math.log2))
_one("log10", _log(math.log10))
_one("log1p", lambda x: -math.inf if x == -1 else math.log1p(x))
_one("logb", _logb)
_one("significand", _significand)
_one("gamma", _gamma)
_one("lgamma", _gamma)
_one("tgamma", _true_gamma)
_two("pow", _pow)
_pow_of_doubles = NATIVES["pow", 2].function


@native("pow", 2, kind="num")
def pow_(v: Any, a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int and -10 <= a <= 10 and 0 <= b <= 15:
        return a**b  # a double holds it exactly
    return _pow_of_doubles(v, a, b)


_two("atan2", math.atan2)
_two("copysign", math.copysign)
_two("fmod", math.fmod)
_two("drem", math.remainder)
_two("remainder", math.remainder)
_two("hypot", math.hypot)
_two("nextafter", getattr(math, "nextafter", None) or (lambda _a, b: b))
_two("nexttoward", getattr(math, "nextafter", None) or (lambda _a, b: b))
_two("ldexp", _signed(_ldexp))
_two("scalb", _signed(_ldexp))
_two("scalbln", _signed(_ldexp))
_three("fma", lambda a, b, c: a * b + c)
for _name in ("j0", "j1", "y0", "y1"):
    _one(_name, partial(_bessel, _name))
for _name in ("jn", "yn"):
    _two(_name, partial(_bessel_of_order, _name))


def _choice(name: str, better: Callable[[Any, Any], bool]) -> None:
    @native(name, 2, kind="num")
    def choose(_v: Any, a: Any, b: Any) -> Any:
        x, y = _number(a), _number(b)
        if x != x:
            return y
        return x if y != y or better(x, y) else y


_choice("fmin", lambda x, y: x <= y)
_choice("fmax", lambda x, y: x >= y)


@native("fdim", 2, kind="num")
def fdim(_v: Any, a: Any, b: Any) -> Any:
    x, y = to_double(_number(a)), to_double(_number(b))
    return from_double(max(0.0, x - y) if x == x and y == y else math.nan)


@native("frexp", kind="list")
def frexp(v: Any) -> list[Any]:
    x = to_double(_number(v))
    if x != x or math.isinf(x):
        return [x, 0]
    mantissa, exponent = math.frexp(x)
    return [from_double(mantissa), exponent]


@native("modf", kind="list")
def modf(v: Any) -> list[Any]:
    fraction, whole = math.modf(to_double(_number(v)))
    return [from_double(fraction), from_double(whole)]


@native("lgamma_r", kind="list")
def lgamma_r(v: Any) -> list[Any]:
    x = to_double(_number(v))
    sign = -1 if x < 0 and not x.is_integer() and math.isfinite(x) and math.floor(x) % 2 else 1
    return [from_double(safely(_gamma, x)), sign]


@native("infinite", kind="num")
def infinite(_v: Any) -> float:
    return math.inf


@native("nan", kind="num")
def nan(_v: Any) -> float:
    return math.nan


@native("isinfinite", kind="bool")
def isinfinite(v: Any) -> bool:
    x = _number(v)
    return type(x) is float and math.isinf(x)


@native("isnan", kind="bool")
def isnan(v: Any) -> bool:
    x = _number(v)
    return x != x


@native("isnormal", kind="bool")
def isnormal(v: Any) -> bool:
    x = to_double(_number(v))
    return x == x and not math.isinf(x) and abs(x) >= 2.2250738585072014e-308
