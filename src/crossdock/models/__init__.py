"""Canonical models: what an order, a customer or an invoice is, whatever platform it comes from."""

from crossdock.models.compatibility import breaking_changes
from crossdock.models.fields import Field, Fields
from crossdock.models.registry import Model, Models, ModelsError, UnknownModel, load_models
from crossdock.models.schema import Schema, SchemaError
from crossdock.models.violation import Violation

__all__ = [
    "Field",
    "Fields",
    "Model",
    "Models",
    "ModelsError",
    "Schema",
    "SchemaError",
    "UnknownModel",
    "Violation",
    "breaking_changes",
    "load_models",
]
