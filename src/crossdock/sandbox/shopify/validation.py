"""What the platform answers to a document it cannot run: wording and codes as recorded, no `data`, HTTP 200.

Sources: recorded answers, 2025-01 to 2026-07; the published schemas (which fields and directives there are in which
version).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    print_ast,
    type_from_ast,
    validate,
    value_from_ast,
    visit,
)

Problem = dict[str, Any]


def parse_problem(error: GraphQLSyntaxError) -> Problem:
    place = error.locations[0] if error.locations else None
    line, column = (place.line, place.column) if place else (1, 1)
    what = "end of file" if "<EOF>" in error.message else "token"
    return {
        "message": f"syntax error, unexpected {what} at [{line}, {column}]",
        "locations": [{"line": line, "column": column}],
        "extensions": {"code": "PARSE_ERROR"},
    }


def document_problems(schema: GraphQLSchema, document: DocumentNode) -> list[Problem]:
    """In the platform's words; what it would say of rarer mistakes is not recorded, so those keep the library's."""
    info = TypeInfo(schema)
    inspector = _Inspector(schema, info)
    visit(document, TypeInfoVisitor(info, inspector))
    return inspector.problems or [_plain(error) for error in validate(schema, document)]


def _plain(error: GraphQLError) -> Problem:
    return {"message": error.message, "locations": _locations(*(error.nodes or ()))}


class _Inspector(Visitor):
    def __init__(self, schema: GraphQLSchema, info: TypeInfo) -> None:
        super().__init__()
        self.schema = schema
        self.info = info
        self.problems: list[Problem] = []

    def found(self, message: str, node: Node, path: Sequence[str], code: str, **more: Any) -> None:
        self.problems.append(
            {
                "message": message,
                "locations": _locations(node),
                "path": list(path),
                "extensions": {"code": code, **more},
            }
        )

    def enter_field(self, node: FieldNode, *place: Any) -> None:
        parent, field = self.info.get_parent_type(), self.info.get_field_def()
        name, path = node.name.value, [*_path(place), _label(node)]
        if parent is None:
            return
        if field is None:
            message = f"Field '{name}' doesn't exist on type '{parent.name}'"
            self.found(message, node, path, "undefinedField", typeName=parent.name, fieldName=name)
            return
        given = {argument.name.value for argument in node.arguments or ()}
        missing = [key for key, arg in field.args.items() if is_required_argument(arg) and key not in given]
        if missing:
            names = ", ".join(missing)
            message = f"Field '{name}' is missing required arguments: {names}"
            self.found(message, node, path, "missingRequiredArguments", className="Field", name=name, arguments=names)
        kind = get_named_type(field.type)
        if not is_leaf_type(kind) and not node.selection_set:
            message = (
                f"Field must have selections (field '{name}' returns {kind.name} but has no selections."
                f" Did you mean '{name} {{ ... }}'?)"
            )
            self.found(message, node, path, "selectionMismatch", nodeName=f"field '{name}'", typeName=kind.name)
        if is_leaf_type(kind) and node.selection_set:
            message = f"Selections can't be made on scalars (field '{name}' returns {kind.name} but has selections)"
            self.found(message, node, path, "selectionMismatch", nodeName=f"field '{name}'", typeName=kind.name)

    def enter_argument(self, node: ArgumentNode, *place: Any) -> None:
        owner = place[3][-1] if isinstance(place[3][-1], Node) else place[3][-2]
        if not isinstance(owner, FieldNode):
            return
        field, name = self.info.get_field_def(), node.name.value
        path = [*_path(place), name]
        if field is None:
            return
        wanted = field.args.get(name)
        if wanted is None:
            message = f"Field '{owner.name.value}' doesn't accept argument '{name}'"
            self.found(
                message,
                node,
                path,
                "argumentNotAccepted",
                name=owner.name.value,
                typeName="Field",
                argumentName=name,
            )
        elif _is_incompatible(node.value, wanted.type):
            message = (
                f"Argument '{name}' on Field '{owner.name.value}' has an invalid value"
                f" ({print_ast(node.value)}). Expected type '{wanted.type}'."
            )
            code = "argumentLiteralsIncompatible"
            self.found(message, owner, path, code, typeName="Field", argumentName=name)

    def enter_object_value(self, node: ObjectValueNode, *place: Any) -> None:
        kind = self.info.get_input_type()
        named = get_named_type(kind) if kind else None
        if not isinstance(named, GraphQLInputObjectType):
            return
        path = _path(place)
        given = {field.name.value: field for field in node.fields or ()}
        for key, field in given.items():
            if key not in named.fields:
                message = f"InputObject '{named.name}' doesn't accept argument '{key}'"
                self.found(
                    message,
                    field,
                    [*path, key],
                    "argumentNotAccepted",
                    name=named.name,
                    typeName="InputObject",
                    argumentName=key,
                )
        for key, wanted in named.fields.items():
            if is_required_input_field(wanted) and key not in given:
                message = f"Argument '{key}' on InputObject '{named.name}' is required. Expected type {wanted.type}"
                self.found(
                    message,
                    node,
                    [*path, key],
                    "missingRequiredInputObjectAttribute",
                    argumentName=key,
                    argumentType=str(wanted.type),
                    inputObjectType=named.name,
                )

    def enter_directive(self, node: DirectiveNode, *place: Any) -> None:
        name = node.name.value
        if self.schema.get_directive(name) is None:
            self.found(
                f"Directive @{name} is not defined", node, _path(place), "undefinedDirective", directiveName=name
            )

    def leave_operation_definition(self, node: OperationDefinitionNode, *place: Any) -> None:
        used = set(re.findall(r"\$(\w+)", print_ast(node.selection_set)))
        for fragment in _document(place).definitions:
            if isinstance(fragment, FragmentDefinitionNode):
                used |= set(re.findall(r"\$(\w+)", print_ast(fragment)))
        label = node.name.value if node.name else "anonymous " + node.operation.value
        for variable in node.variable_definitions or ():
            name = variable.variable.name.value
            if name not in used:
                message = f"Variable ${name} is declared by {label} but not used"
                self.found(message, variable, [_label(node)], "variableNotUsed", variableName=name)


def variable_problems(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[Problem]:
    """One problem per variable that its declared type cannot hold, with the path to each wrong part."""
    found = []
    for declared in operation.variable_definitions or ():
        kind: Any = type_from_ast(schema, declared.type)
        name = declared.variable.name.value
        if name not in variables and declared.default_value is not None:
            continue
        value = variables.get(name)
        if wrong := list(_wrong(kind, value, [])):
            found.append(_invalid_variable(declared, str(kind), value, wrong))
    return found


def _invalid_variable(declared: VariableDefinitionNode, kind: str, value: Any, wrong: list[Problem]) -> Problem:
    where = [f"{'.'.join(map(str, part['path']))} ({part['explanation']})" for part in wrong if part["path"]]
    suffix = f" for {', '.join(where)}" if where else ""
    return {
        "message": f"Variable ${declared.variable.name.value} of type {kind} was provided invalid value{suffix}",
        "locations": _locations(declared),
        "extensions": {"code": "INVALID_VARIABLE", "value": value, "problems": wrong},
    }


def _wrong(kind: GraphQLInputType, value: Any, path: list[str | int]) -> Iterable[Problem]:
    if isinstance(kind, GraphQLNonNull):
        if value is None:
            yield {"path": path, "explanation": "Expected value to not be null"}
            return
        kind = kind.of_type
    if value is None:
        return
    if isinstance(kind, GraphQLList):
        for position, item in enumerate(value if isinstance(value, list) else [value]):
            yield from _wrong(kind.of_type, item, [*path, position])
    elif isinstance(kind, GraphQLInputObjectType):
        yield from _wrong_object(kind, value, path)
    elif isinstance(kind, GraphQLEnumType):
        if value not in kind.values:
            yield {"path": path, "explanation": f'Expected "{value}" to be one of: {", ".join(kind.values)}'}
    elif isinstance(kind, GraphQLScalarType):
        try:
            kind.parse_value(value)
        except (GraphQLError, TypeError, ValueError):
            yield {"path": path, "explanation": f"Could not coerce value {value!r} to {kind.name}"}


def _wrong_object(kind: GraphQLInputObjectType, value: Any, path: list[str | int]) -> Iterable[Problem]:
    if not isinstance(value, Mapping):
        yield {"path": path, "explanation": f"Expected {value!r} to be a key-value object."}
        return
    for key in value:
        if key not in kind.fields:
            yield {"path": [*path, key], "explanation": f"Field is not defined on {kind.name}"}
    for key, field in kind.fields.items():
        if key in value or is_required_input_field(field):
            yield from _wrong(field.type, value.get(key), [*path, key])


def _locations(*nodes: Node) -> list[dict[str, int]]:
    places = [node.loc.source.get_location(node.loc.start) for node in nodes if node.loc]
    return [{"line": place.line, "column": place.column} for place in places]


def _is_incompatible(literal: ValueNode, kind: GraphQLInputType) -> bool:
    """A literal without variables that the type cannot hold; objects are told apart field by field."""
    if isinstance(literal, ObjectValueNode) or "$" in print_ast(literal):
        return False
    return value_from_ast(literal, kind) is Undefined


def _label(node: Node) -> str:
    if isinstance(node, OperationDefinitionNode):
        return f"{node.operation.value} {node.name.value}" if node.name else node.operation.value
    if isinstance(node, FragmentDefinitionNode):
        return f"fragment {node.name.value}"
    if isinstance(node, FieldNode):
        return node.alias.value if node.alias else node.name.value
    if isinstance(node, InlineFragmentNode):
        return f"... on {node.type_condition.name.value}" if node.type_condition else "..."
    if isinstance(node, ArgumentNode | ObjectFieldNode):
        return node.name.value
    return ""


def _path(place: tuple[Any, ...]) -> list[str]:
    """Names from the operation down to where a visitor stands: ["query Name", "orders", "nodes"]."""
    nodes = [node for node in (*place[3], place[1]) if isinstance(node, Node)]
    return [label for node in nodes if (label := _label(node))]


def _document(place: tuple[Any, ...]) -> DocumentNode:
    document = place[3][0]
    assert isinstance(document, DocumentNode)
    return document
