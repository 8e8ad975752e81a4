"""The project folder: load, check (every problem with file, line and column), compile."""

from crossdock.project.connections import Overrides
from crossdock.project.guarantee import FlowReport
from crossdock.project.project import (
    ENVIRONMENTS,
    Checked,
    Project,
    check_project,
    load_landscape,
    load_project,
)
from crossdock.project.settings import HubSettings

__all__ = [
    "ENVIRONMENTS",
    "Checked",
    "FlowReport",
    "HubSettings",
    "Overrides",
    "Project",
    "check_project",
    "load_landscape",
    "load_project",
]
