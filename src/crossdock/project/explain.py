"""From pydantic's errors to problems: file, line, what was expected, and the nearest valid name."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from crossdock.core.errors import Problem
from crossdock.models.violation import nearest
from crossdock.project.document import Path

Locate = Callable[[Path, bool], tuple[str, int, int]]
"""(path, at its value?) → file, line, column"""
M = TypeVar("M", bound=BaseModel)

KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of names to values",
    "mapping_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "literal_error": "one of the words below",
}


def read_model(model: type[M], data: Any, locate: Locate, what: str) -> tuple[M | None, list[Problem]]:
    """`data` as the model, or every problem with it. `what` names the thing, as in "a flow"."""
    try:
        return model.model_validate({} if data is None else data), []
    except ValidationError as error:
        return None, list(_problems(model, data, error, locate, what))


def _problems(
    model: type[BaseModel], data: Any, error: ValidationError, locate: Locate, what: str
) -> Iterator[Problem]:
    grouped: dict[Path, list[Any]] = {}
    for each in error.errors(include_url=False, include_input=False):
        grouped.setdefault(_path_in(data, each), []).append(each)
    for path, found in _without_slips(model, grouped).items():
        first = found[0]
        if first["type"] == "extra_forbidden":
            yield _unknown(model, path, locate, what)
            continue
        if first["type"] == "missing":
            file, line, column = locate(path, False)
            owner = f"`{_dotted(path)}`" if path else what
            for name in dict.fromkeys(str(each["loc"][-1]) for each in found):
                yield Problem(file, line, column, f"`{name}` is missing from {owner}", _about(model, (*path, name)))
            continue
        file, line, column = locate(path, True)
        said, hint = _said(found, _value_at(data, path))
        is_predicate = said.partition(" ")[0] in {"should", "is", "has", "may"}
        subject = f"`{_dotted(path)}`{' ' if is_predicate else ': '}" if path else ""
        yield Problem(file, line, column, f"{subject}{said}", hint or _about(model, path))


def _without_slips(model: type[BaseModel], grouped: Mapping[Path, list[Any]]) -> dict[Path, list[Any]]:
    """A key that is missing because another one is a slip of the pen for it is told once."""
    meant = {
        (path[:-1], nearest(str(path[-1]), fields_at(model, path[:-1])))
        for path, found in grouped.items()
        if found[0]["type"] == "extra_forbidden"
    }
    kept = {
        path: [each for each in found if each["type"] != "missing" or (path, str(each["loc"][-1])) not in meant]
        for path, found in grouped.items()
    }
    return {path: found for path, found in kept.items() if found}


def _unknown(model: type[BaseModel], path: Path, locate: Locate, what: str) -> Problem:
    file, line, column = locate(path, False)
    known = fields_at(model, path[:-1])
    owner = f"`{_dotted(path[:-1])}`" if len(path) > 1 else what
    meant = nearest(str(path[-1]), known)
    hint = f"did you mean `{meant}`?" if meant else f"it has: {', '.join(known)}" if known else ""
    return Problem(file, line, column, f"`{path[-1]}` is not a key of {owner}", hint)


def _said(found: Sequence[Any], value: Any) -> tuple[str, str]:
    kinds = list(dict.fromkeys(KINDS[each["type"]] for each in found if each["type"] in KINDS))
    first = next((each for each in found if each["type"] not in KINDS), found[0])
    context = first.get("ctx", {})
    match first["type"]:
        case "literal_error":
            choices = [text.strip("' ") for text in str(context["expected"]).replace(" or ", ", ").split(",")]
            meant = nearest(str(value), choices) if isinstance(value, str) else None
            return f"should be one of {', '.join(choices)}", f"did you mean `{meant}`?" if meant else ""
        case "value_error":
            return _sentence(str(context["error"])), ""
        case "string_pattern_mismatch":
            return f"has the wrong form: it should match {context['pattern']}", ""
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            words = {"greater_than_equal": "at least", "greater_than": "more than", "less_than_equal": "at most"}
            limit = next(iter(context.values()))
            return f"should be {words.get(first['type'], 'less than')} {limit:g}", ""
        case "string_too_short":
            return "is empty", ""
        case "too_short":
            return f"should have at least {context['min_length']} of its items", ""
        case kind if kind in KINDS:
            return f"should be {' or '.join(kinds)}, not {_given(value)}", ""
    return str(first["msg"]).removeprefix("Value error, ").replace("Input should", "should").replace("Input ", ""), ""


def _sentence(text: str) -> str:
    return text.strip() or "is not valid"


def _path_in(data: Any, error: Any) -> Path:
    """The error's place without pydantic's own words for branches of a union; for what is missing, its holder."""
    path: list[str | int] = []
    here = data
    location = error["loc"][:-1] if error["type"] == "missing" else error["loc"]
    for part in location:
        by_index = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if by_index or (isinstance(here, Mapping) and part in here):
            path.append(part)
            here = here[part]
    return tuple(path)


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _given(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text" if value else "an empty text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return "a number"


# --- what the models say about a place --------------------------------------------------------------------------


def fields_at(model: Any, path: Path) -> list[str]:
    """Names that may stand at `path`, by the model's annotations."""
    names: list[str] = []
    for each in _models(model):
        if not path:
            names += [field.alias or name for name, field in each.model_fields.items()]
            continue
        field = _field(each, path[0])
        if field is not None:
            names += _below(field.annotation, path[1:])
    return list(dict.fromkeys(names))


def _below(annotation: Any, path: Path) -> list[str]:
    names = fields_at(annotation, path)
    for each in branches(annotation):
        if get_origin(each) in (dict, Mapping, list, tuple) and path:
            names += _below(get_args(each)[-1 if get_origin(each) in (dict, Mapping) else 0], path[1:])
    return names


def _about(model: Any, path: Path) -> str:
    """What the description says of the field at `path`."""
    if not path:
        return ""
    for each in _models(model):
        field = _field(each, path[0])
        if field is None:
            continue
        if len(path) == 1:
            example = f", for example `{written(field.examples[0])}`" if field.examples else ""
            return f"{(field.description or '').rstrip('.')}{example}"
        for branch in branches(field.annotation):
            origin = get_origin(branch)
            if origin in (dict, Mapping) and len(path) > 2:
                return _about(get_args(branch)[1], path[2:])
            if text := _about(branch, path[1:]):
                return text
    return ""


def written(example: Any) -> str:
    """An example as a person would write it in YAML, on one line."""
    match example:
        case list() | tuple():
            return f"[{', '.join(map(written, example))}]"
        case Mapping():
            return "{" + ", ".join(f"{name}: {written(value)}" for name, value in example.items()) + "}"
        case bool():
            return str(example).lower()
        case str() if example.replace(".", "").isdigit():
            return f'"{example}"'
        case _:
            return str(example)


def _field(model: type[BaseModel], name: str | int) -> Any:
    for known, field in model.model_fields.items():
        if name in (known, field.alias):
            return field
    return None


def branches(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation, without what it is annotated with."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from branches(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from branches(each)
    else:
        yield annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for each in branches(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each
