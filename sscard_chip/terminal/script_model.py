# SPDX-License-Identifier: Apache-2.0
"""Exchange scripts as data, and how they are read from JSON.

A step holds two things that must not be confused: what the *card* has to answer (``status``,
``data``, the fields' values; a deviation is a failure) and what the *client* tolerates
(``accept``; anything else ends the client's run, which some generations are expected to do).
The format is described in ``docs/exchange-scripts.md`` and by ``sscard schema exchange-script``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from sscard_chip.profile.generations import Generation, generation_numbered, generations
from sscard_chip.standard.documents import (
    Broken,
    Document,
    DocumentError,
    Model,
    parse_json,
    read_content,
    rule,
)
from sscard_chip.standard.status import WORD_PATTERN
from sscard_chip.standard.text import decode_text

FORMAT: Final = "sscard-exchange-script/1"
"""Before the settlement's files between regions took that name, scripts said sscard-exchange/1."""


class ScriptError(DocumentError):
    """A script that cannot be used, or not on this card: file or script, item and rule."""


_TEMPLATE: Final = rule(
    "must be hex digits and {placeholders}", pattern=r"(?:[0-9A-F]|\{[^{}]+\})+"
)
_WORD: Final = rule("must be a status word, x for any digit", pattern=WORD_PATTERN)
_NAMES: Final = rule('must be generations such as "1" or "2,3"', pattern="[1-9](?:,[1-9])*")

StatusPattern = Annotated[str, _WORD]
CommandTemplate = Annotated[str, _TEMPLATE]
WordsByGeneration = list[StatusPattern] | dict[Annotated[str, _NAMES], list[StatusPattern]]
DataByGeneration = list[CommandTemplate] | dict[Annotated[str, _NAMES], list[CommandTemplate]]
_LISTS: Final = "must be a list, or lists by generation"


def for_generation(value: WordsByGeneration | DataByGeneration, generation: int) -> list[str]:
    """What a list for all generations, or one of lists by generation, says of one of them."""
    if isinstance(value, list):
        return value
    return next((one for names, one in value.items() if str(generation) in names.split(",")), [])


class ScriptClient(Model, frozen=True):
    """How a program treats the transport of T=0.

    ``on_61`` "get response" fetches what waits, "ignore" goes on; ``on_6c`` "resend" repeats
    the command with the right Le, "ignore" takes the answer as it is.
    """

    WHAT = "a client"

    on_61: Literal["get response", "ignore"]
    on_6c: Literal["resend", "ignore"]


class ScriptField(Model, frozen=True, kw_only=True):
    """A value that the client cuts out of an answer.

    ``start`` and ``end`` (``from`` and ``to`` in the file) slice the body, or with ``of`` "answer"
    the body and status word; ``end`` may be "length": the second byte of the body counts the
    value. ``clean`` are text operations in order. ``value`` (a template) or ``matches`` (a template
    of a regular expression) is right.
    """

    WHAT = "a field"

    name: Annotated[str, rule("must be lower-case letters and _", pattern="[a-z_]+")]
    start: Annotated[int, rule(ge=0)] = msgspec.field(default=2, name="from")
    end: Annotated[int | Literal["length"] | None, rule('must be a whole number or "length"')] = (
        msgspec.field(default=None, name="to")
    )
    of: Literal["body", "answer"] = "body"
    decode: Literal["ascii", "gbk", "gb18030", "hex"] = "ascii"
    clean: list[
        Annotated[
            str,
            rule(
                "must be strip nul, space or whitespace, cut nul, drop or keep and a number",
                pattern="strip (?:nul|space|whitespace)|cut nul|(?:drop|keep) [0-9]{1,4}",
            ),
        ]
    ] = []
    required: bool = False
    value: str | None = None
    matches: str | None = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """One of value and pattern."""
        if {"value", "matches"} <= good.keys() and (
            (good["value"] is None) == (good["matches"] is None)
        ):
            yield ("value",), "a field needs a value or a pattern (matches)"

    def parse(self, body: bytes, sw: bytes) -> str:
        """What the client reads out of an answer; empty when there is nothing to read."""
        source = body + sw if self.of == "answer" else body
        end = self.end
        if end == "length":
            end = self.start + body[1] if len(body) > 1 else self.start
        data = source[self.start : end]
        if self.decode == "hex":
            text = data.hex().upper()
        elif self.decode == "gb18030":
            text = decode_text(data, "replace")
        else:
            text = data.decode(self.decode, "replace")
        for operation in self.clean:
            text = _clean(text, operation)
        return text


def _clean(text: str, operation: str) -> str:
    verb, _, argument = operation.partition(" ")
    if verb == "cut":  # up to the first such character
        return text.partition(_character(argument))[0]
    if verb == "drop":
        return text[int(argument) :]
    if verb == "keep":
        return text[: int(argument)]
    if argument == "whitespace":
        return text.strip("\t\n\v\f\r ")
    return text.strip(_character(argument))


def _character(name: str) -> str:
    return {"nul": "\0", "space": " "}.get(name, name)


class ScriptStep(Model, frozen=True, kw_only=True):
    """One command of the client, or a reset. It is for the ``generations`` given only."""

    WHAT = "a step"

    name: Annotated[str, rule("must not be empty", pattern=r"(?s:.+)")]
    command: Annotated[CommandTemplate, rule(title="Hexadecimal with placeholders")] | None = None
    reset: Literal["cold", "warm"] | None = None
    let: dict[str, str] = {}
    generations: list[Annotated[int, rule(ge=1, le=9)]] = []
    status: Annotated[WordsByGeneration, rule(_LISTS)] = []
    final: Annotated[WordsByGeneration, rule(_LISTS)] = []
    data: Annotated[DataByGeneration, rule(_LISTS)] = []
    accept: Annotated[
        Literal["any"] | list[StatusPattern], rule('must be a list of words, or "any"')
    ] = msgspec.field(default_factory=lambda: ["9000", "61xx"])
    fields: list[ScriptField] = []
    repeat_until: StatusPattern | None = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """A step is one thing."""
        if {"command", "reset"} <= good.keys() and (
            (good["command"] is None) == (good["reset"] is None)
        ):
            yield ("command",), "a step needs a command or a reset"

    @property
    def label(self) -> str:
        """The command as the script writes it: with placeholders, so without secrets."""
        return self.command or f"{self.reset} reset"


class ScriptOutcome(Model, frozen=True):
    """What the client ends with on cards of one generation.

    ``result`` "complete": it reads all it wants. "incomplete": it goes on to its end, with
    ``missing`` fields empty or wrong, each with what it takes for the value. "stops": it gives up
    at step ``at``.
    """

    WHAT = "an outcome"

    result: Literal["complete", "incomplete", "stops"]
    at: str = ""
    missing: dict[str, str] = {}
    why: str = ""

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """A result has what belongs to it and nothing else."""
        result, at, missing = good.get("result"), bool(good.get("at")), bool(good.get("missing"))
        wanted = {"complete": (False, False), "incomplete": (False, True), "stops": (True, missing)}
        if result in wanted and (at, missing) != wanted[result]:
            yield ("result",), "contradicts at and missing"


class ExchangeScript(Model, frozen=True, kw_only=True):
    """An exchange script: what a program in the field sends to a card, and what it needs back.

    ``requires`` says that the card must have more than its generation's plain profile:
    "local files", the region's own of ``examples/local-files.toml``.
    """

    WHAT = "a script"

    format: Annotated[
        Literal["sscard-exchange-script/1", "sscard-exchange/1"], rule(f'must be "{FORMAT}"')
    ]
    identifier: Annotated[
        str,
        rule(
            "must be E and two digits, or a lower-case name",
            pattern="E[0-9]{2}(?:-[a-z]+)?|[a-z][a-z0-9-]+",
        ),
    ] = msgspec.field(name="id")
    name: str
    source: str
    confidence: Literal["A", "B", "C"]
    description: str
    requires: Literal["local files"] | None = None
    interfaces: list[Literal["contact", "contactless"]]
    client: ScriptClient
    outcomes: dict[
        Annotated[str, rule("must be the number of a generation", pattern="[1-9]")], ScriptOutcome
    ]
    steps: list[ScriptStep]

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """Every generation of its own has an outcome, every command a status word for it."""
        outcomes, steps = good.get("outcomes"), good.get("steps", [])
        if outcomes is None:
            return
        for generation in generations():
            if not generation.based_on and str(generation.number) not in outcomes:
                yield ("outcomes",), f"generation {generation.number} is missing"
        for number, step in enumerate(steps, 1):
            for name, text in _step_rules(step, sorted(outcomes)):
                yield ("steps", str(number), name), text
        fields = {field["name"] for step in steps for field in step.get("fields", ())}
        for number, outcome in outcomes.items() if "steps" in good else ():
            names = {step["name"] for step in steps if _plays(step, number)}
            if outcome["result"] == "stops" and outcome["at"] not in names:
                yield ("outcomes", number, "at"), "is no step of this generation"
            if not fields.issuperset(outcome.get("missing", ())):
                yield ("outcomes", number, "missing"), "names an unknown field"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ExchangeScript:
        """Read a script.

        :raises ScriptError: when the file is no script; names file, step and rule, all at once.
        """
        source = Path(path).name
        value = parse_json(read_content(path, ScriptError), source, ScriptError)
        return Document(source, value, ScriptError).to(cls)

    def described(self, number: int) -> int:
        """The generation whose expectations hold for one of this number: itself where the script
        names it, else the one that it is based on.

        :raises ScriptError:
        :raises ValueError:
        """
        generation: Generation | None = generation_numbered(number)
        while generation is not None:
            if str(generation.number) in self.outcomes:
                return generation.number
            generation = generation.based_on
        raise ScriptError(self.identifier, "", f"says nothing of generation {number}")


def _plays(step: Mapping[str, Any], number: str) -> bool:
    return not step.get("generations") or int(number) in step["generations"]


def _step_rules(step: Mapping[str, Any], named: list[str]) -> Iterator[tuple[str, str]]:
    """What the expectations of a step break: field and rule."""
    for name in ("status", "final", "data"):
        given = step.get(name)
        if isinstance(given, dict) and not {*",".join(given).split(",")} <= set(named):
            yield name, "names a generation that has no outcome"
    if step.get("command") and not step.get("repeat_until"):
        silent = (
            number
            for number in named
            if _plays(step, number) and not for_generation(step.get("status", []), int(number))
        )
        for number in silent:
            yield "status", f"there is none for generation {number}"
            return
