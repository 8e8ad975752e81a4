"""One GraphQL request, from text to answer: parse, validate, price, throttle, run. All of it answers HTTP 200.

Sources: shopify.dev, "Response status and error codes" and "Rate limits" (throttled without a time; 1,000 points at
most); recorded answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    parse,
    value_from_ast_untyped,
)

from crossdock.sandbox.shopify.bucket import Bucket
from crossdock.sandbox.shopify.cost import MAX_COST, Meter
from crossdock.sandbox.shopify.graph import Graph
from crossdock.sandbox.shopify.validation import document_problems, parse_problem, variable_problems

LIMITS_PAGE: Final = "https://shopify.dev/api/usage/rate-limits"
MAX_TOKENS: Final = 20_000

Answer = dict[str, Any]


@cache
def schema() -> GraphQLSchema:
    return build_schema(files(__package__).joinpath("schema.graphql").read_text())


@dataclass(frozen=True)
class Asked:
    query: str
    variables: Mapping[str, Any]
    operation_name: str | None


def answer(asked: Asked, graph: Graph, bucket: Bucket, now: float, time_scale: float) -> Answer:
    """`now` is simulated time, by which the bucket fills."""
    try:
        document = parse(asked.query, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        return {"errors": [parse_problem(error)]}
    except RecursionError:
        return {"errors": [{"message": "The query is nested too deeply"}]}
    operation = _operation(document, asked.operation_name)
    if operation is None:
        return {"errors": [{"message": _no_operation(asked.operation_name)}]}
    problems = document_problems(schema(), document) or variable_problems(schema(), operation, asked.variables)
    if problems:
        return {"errors": problems}
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    meter = Meter(schema(), fragments, _with_defaults(operation, asked.variables))
    requested = meter.requested(operation)
    if requested > MAX_COST:
        return {"errors": [_too_dear(requested)]}
    if not bucket.take(requested, now):
        return {"errors": [_throttled()], "extensions": _cost(requested, None, bucket, time_scale)}
    return _run(asked, document, operation, meter, requested, graph, bucket, time_scale)


def _run(
    asked: Asked,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    meter: Meter,
    requested: int,
    graph: Graph,
    bucket: Bucket,
    time_scale: float,
) -> Answer:
    result = execute_sync(
        schema(),
        document,
        graph.root(),
        variable_values=dict(asked.variables),
        operation_name=asked.operation_name,
    )
    actual = min(requested, meter.actual(operation, result.data or {}))
    bucket.give_back(requested - actual)
    found: Answer = {"data": result.data}
    if result.errors:
        found["errors"] = [_resolver_problem(error) for error in result.errors]
    found["extensions"] = _cost(requested, actual, bucket, time_scale)
    if graph.warnings:
        found["extensions"]["search"] = graph.warnings
    return found


def throttled(bucket: Bucket, time_scale: float) -> Answer:
    """For scripts that ask for it: as if others of the same app had just emptied the bucket."""
    bucket.available = 0
    return {"errors": [_throttled()], "extensions": _cost(bucket.restore_per_s, None, bucket, time_scale)}


def internal_error(request_id: str) -> Answer:
    message = (
        f"Internal error. Looks like something went wrong on our end.\nRequest ID: {request_id}"
        " (include this in support requests)."
    )
    return {"errors": [{"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}}]}


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name:
        found = [node for node in found if node.name and node.name.value == name]
    return found[0] if len(found) == 1 else None


def _no_operation(name: str | None) -> str:
    return f'No operation named "{name}"' if name else "An operation name is required"


def _with_defaults(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    defaults = {
        declared.variable.name.value: value_from_ast_untyped(declared.default_value)
        for declared in operation.variable_definitions or ()
        if declared.default_value is not None
    }
    return defaults | dict(variables)


def _cost(requested: int, actual: int | None, bucket: Bucket, time_scale: float) -> Answer:
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": bucket.status(time_scale),
        }
    }


def _too_dear(requested: int) -> Answer:
    return {
        "message": f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_COST}).",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": requested,
            "maxCost": MAX_COST,
            "documentation": LIMITS_PAGE,
        },
    }


def _throttled() -> Answer:
    return {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": LIMITS_PAGE}}


def _resolver_problem(error: GraphQLError) -> Answer:
    return {
        "message": error.message,
        "locations": [{"line": place.line, "column": place.column} for place in error.locations or ()],
        "extensions": dict(error.extensions or {}) or {"code": "INTERNAL_SERVER_ERROR"},
        "path": error.path,
    }
