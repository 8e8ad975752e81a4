"""From flows/*.yaml to flows that run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crossdock.core.connector import Action
from crossdock.core.effects import EffectClass
from crossdock.core.errors import Problem, ProjectError
from crossdock.core.flow import Connection, Flow, Need, Validator
from crossdock.core.retry import RetryPolicy
from crossdock.models import Models, Schema, UnknownModel
from crossdock.models.violation import nearest
from crossdock.project.document import Document, Path
from crossdock.project.files import FlowFile
from crossdock.project.items import Items
from crossdock.project.programs import EVENT, NEEDS, Program, Programs, is_file
from crossdock.project.sources import Source


@dataclass(slots=True)
class FlowBuilder:
    """What one flow is built with, and where its problems go."""

    connections: Mapping[str, Connection]
    broken: frozenset[str]
    """connections that are there and have problems of their own"""
    models: Models
    programs: Programs
    problems: list[Problem]

    def build(self, name: str, source: Source[FlowFile]) -> Flow | None:
        """None when there is none to be had."""
        said, document = source.said, source.document
        before = len(self.problems)
        on = self._models_of(said, document)
        action = self._action(said, document)
        where = self._program(document, ("where",), said.where, EVENT, on)
        mapped = self._program(document, ("map",), said.map, NEEDS, on)
        needs = self._needs(said, document, on)
        if action is None:
            return None
        self._fits(said, document, action, mapped, on)
        self._policies(said, document, action)
        if any(problem.severity == "error" for problem in self.problems[before:]):
            return None
        if any(event.partition(".")[0] in self.models.broken for event in said.on):
            return None
        return Flow(
            name=name,
            on=frozenset(said.on),
            connection=said.to,
            action=action,
            where=where,
            map=Items(mapped) if mapped and said.each else mapped,
            input=self._validator(said, action) if mapped else None,
            each=said.each,
            needs=needs,
            retry=RetryPolicy(said.retry.attempts, said.retry.first_delay, said.retry.max_delay),
            on_dead=said.on_dead,
            on_unknown=said.on_unknown,
            collapse=said.collapse or ("latest" if action.whole_state and not said.each else "none"),
            begin=said.begin,
            in_flight=said.in_flight,
            deadline_s=said.timeout,
        )

    # --- what it reads ------------------------------------------------------------------------------------------

    def _models_of(self, said: FlowFile, document: Document) -> list[str]:
        """The models of the events it takes, those that exist."""
        found = []
        for index, event in enumerate(said.on):
            model = event.partition(".")[0]
            path: Path = ("on", index) if document.has(("on", index)) else ("on",)
            if model in self.models:
                found.append(model)
                continue
            if model in self.models.broken:
                continue  # its own file says what is wrong
            meant = nearest(model, self.models.names)
            hint = f"did you mean `{meant}`?" if meant else f"models: {', '.join(self.models.names)}"
            self.problems.append(document.problem(path, f"there is no model `{model}`", hint, at_value=True))
        return list(dict.fromkeys(found))

    def _action(self, said: FlowFile, document: Document) -> Action | None:
        if said.to not in self.connections:
            if said.to not in self.broken:
                known = [*self.connections, *self.broken]
                meant = nearest(said.to, known)
                there = f"there are: {', '.join(sorted(known))}" if known else "connections/ is empty"
                hint = f"did you mean `{meant}`?" if meant else there
                what = f"there is no connection `{said.to}`"
                self.problems.append(document.problem(("to",), what, hint, at_value=True))
            return None
        connector = self.connections[said.to].connector
        action = connector.actions.get(said.action)
        if action is None:
            meant = nearest(said.action, connector.actions)
            what = f"{said.to} has no action `{said.action}`"
            there = f"it has: {', '.join(connector.actions)}" if connector.actions else "it only brings in"
            hint = f"did you mean `{meant}`?" if meant else there
            self.problems.append(document.problem(("action",), what, hint, at_value=True))
        return action

    def _program(
        self, document: Document, path: Path, text: str | None, variables: tuple[str, ...], on: Iterable[str]
    ) -> Program | None:
        """The program written there, checked against the models of the events that it reads."""
        if text is None:
            return None
        try:
            if path == ("map",) and is_file(text):
                program = self.programs.named(document, path, text, variables)
            else:
                program = self.programs.inline(document, path, text, variables)
        except ProjectError as error:
            self.problems += error.problems
            return None
        self.problems += program.misread(self.models.get(model) for model in on)
        return program

    def _needs(self, said: FlowFile, document: Document, on: Iterable[str]) -> tuple[Need, ...]:
        needs = []
        for name, part in said.needs.items():
            model = part.model or name
            if not self._is_there(model) and not self._written_somewhere(model):
                meant = nearest(model, self.models.names)
                hint = f"did you mean `{meant}`?" if meant else f"models: {', '.join(self.models.names)}"
                what = f"there is no model `{model}`"
                if part.model is None:
                    hint = f"{hint}; a need of another name says its `model:`"
                self.problems.append(document.problem(("needs", name, "model"), what, hint, at_value=bool(part.model)))
            if part.then == "fetch" and not any(model in each.connector.fetches for each in self.connections.values()):
                what = f"no connection can fetch a {model}"
                hint = "write `then: hold`"
                self.problems.append(document.problem(("needs", name, "then"), what, hint, at_value=True))
            key = self._program(document, ("needs", name, "key"), part.key, EVENT, on)
            if key is not None:
                needs.append(Need(name, model, key, part.within, part.then))
        return tuple(needs)

    def _is_there(self, model: str) -> bool:
        return model in self.models or model in self.models.broken

    def _written_somewhere(self, model: str) -> bool:
        return any(
            action.model == model for each in self.connections.values() for action in each.connector.actions.values()
        )

    # --- whether it fits the action -----------------------------------------------------------------------------

    def _fits(self, said: FlowFile, document: Document, action: Action, mapped: Program | None, on: list[str]) -> None:
        wanted = action.input
        if isinstance(wanted, str) and wanted != "any" and not self._is_there(wanted):
            meant = nearest(wanted, self.models.names)
            hint = f"did you mean `{meant}`?" if meant else f"models: {', '.join(self.models.names)}"
            what = f"`{action.name}` of {said.to} takes `{wanted}`, and there is no such model"
            self.problems.append(document.problem(("action",), what, hint, at_value=True))
            return
        if said.each and said.map is None:
            what, hint = "`each` is about what a map makes, and there is none", "add `map:`, or leave `each` out"
            self.problems.append(document.problem(("each",), what, hint))
        if said.map is not None or wanted == "any":
            return
        if not isinstance(wanted, str):
            what = f"`{action.name}` takes an input of its own kind, so the flow needs a map"
            self.problems.append(document.problem(("action",), what, "add `map:`", at_value=True))
        elif others := [model for model in on if model != wanted]:
            what = f"`{action.name}` takes `{wanted}` and the events hold `{'`, `'.join(others)}`"
            hint = "add `map:` to make one of the other"
            self.problems.append(document.problem(("action",), what, hint, at_value=True))

    def _validator(self, said: FlowFile, action: Action) -> Validator | None:
        """Of what the map makes; with `each`, the engine checks each item's input."""
        if action.input == "any":
            return None
        if isinstance(action.input, str):
            try:
                return self.models.get(action.input)
            except UnknownModel:
                return None
        return Schema(action.input)

    # --- whether its policies make sense ------------------------------------------------------------------------

    def _policies(self, said: FlowFile, document: Document, action: Action) -> None:
        def wrong(key: str, what: str, hint: str, severity: str = "error") -> None:
            self.problems.append(document.problem((key,), what, hint, severity=severity))

        if document.has(("on_unknown",)) and action.effects and action.effects[0] is not EffectClass.NONE:
            wrong(
                "on_unknown",
                f"`on_unknown` is for actions that nothing makes happen once; `{action.name}` finds out by itself",
                "leave it out",
            )
        if said.collapse == "latest" and not action.whole_state:
            wrong(
                "collapse",
                f"`{action.name}` writes a part of the record, so leaving out older events would lose what they say",
                "leave `collapse` out",
            )
        if said.collapse == "latest" and said.each:
            wrong("collapse", "`latest` replaces whole events, and `each` makes many of one", "leave one of them out")
        if action.batch_size > 1 and action.effects[:1] != (EffectClass.UPSERT,):
            what = f"`{action.name}` sends batches without being an upsert, so half a batch could not be sent again"
            self.problems.append(document.problem(("action",), what, "ask the connector's author", at_value=True))
        if said.retry.first_delay > said.retry.max_delay:
            wrong("retry", "`first_delay` is longer than `max_delay`", "")
        if said.on_leave is not None and said.where is None:
            wrong("on_leave", "`on_leave` is about `where`, and there is none", "leave it out")
        updates = [event for event in said.on if event.endswith(".updated")]
        if updates and said.where is not None and said.on_leave is None:
            model = updates[0].partition(".")[0]
            wrong(
                "where",
                f"{said.to} is not told when the {model} leaves this filter",
                f"what was written of it while the filter let it in stays at {said.to} as it was; if that is right,"
                " write `on_leave: keep`, and else let another flow undo it",
                "warning",
            )
