# SPDX-License-Identifier: Apache-2.0
"""Exchange scripts as data, and how they are read from JSON.

A step holds two things that must not be confused: what the *card* has to answer (``status``,
``data``, the fields' values; a deviation is a failure) and what the *client* tolerates
(``accept``; anything else ends the client's run, which some generations are expected to do).
The format is described in ``docs/exchange-scripts.md`` and ``vectors/schema/exchange.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from sscard_chip.profile.generations import Generation, generation_numbered, generations
from sscard_chip.standard.errors import InputError
from sscard_chip.standard.text import decode_text

FORMAT: Final = "sscard-exchange/1"


class ScriptError(InputError):
    """A script that cannot be used: one line naming file, step and rule."""


@dataclass(frozen=True, slots=True)
class Client:
    """How a program treats the transport of T=0.

    ``on_61`` "get response" fetches what waits, "ignore" goes on; ``on_6c`` "resend" repeats
    the command with the right Le, "ignore" takes the answer as it is.
    """

    on_61: str = "get response"
    on_6c: str = "resend"


@dataclass(frozen=True, slots=True)
class ScriptField:
    """A value that the client cuts out of an answer.

    ``start`` and ``end`` slice the body, or with ``whole`` the body and status word; ``end`` may
    be "length": the second byte of the body counts the value. ``clean`` are text operations in
    order. ``value`` (a template) or ``matches`` (a template of a regular expression) is right.
    """

    name: str
    start: int = 2
    end: int | Literal["length"] | None = None
    whole: bool = False
    decode: str = "ascii"
    clean: tuple[str, ...] = ()
    required: bool = False
    value: str | None = None
    matches: str | None = None

    def parse(self, body: bytes, sw: bytes) -> str:
        """What the client reads out of an answer; empty when there is nothing to read."""
        source = body + sw if self.whole else body
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


ByGeneration = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One command of the client, or a reset. It is for the ``generations`` given only."""

    name: str
    command: str = ""
    reset: str = ""
    let: Mapping[str, str] = field(default_factory=dict)
    generations: tuple[int, ...] = ()
    status: ByGeneration = field(default_factory=dict)
    final: ByGeneration = field(default_factory=dict)
    data: ByGeneration = field(default_factory=dict)
    accept: tuple[str, ...] = ("9000", "61xx")
    fields: tuple[ScriptField, ...] = ()
    repeat_until: str = ""

    @property
    def label(self) -> str:
        """The command as the script writes it: with placeholders, so without secrets."""
        return self.command or f"{self.reset} reset"


@dataclass(frozen=True, slots=True)
class ScriptOutcome:
    """What the client ends with on cards of one generation.

    ``result`` "complete": it reads all it wants. "incomplete": it goes on to its end, with
    ``missing`` fields empty or wrong, each with what it takes for the value. "stops": it gives up
    at step ``at``.
    """

    result: str
    at: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeScript:
    """An exchange script; see the module.

    ``requires`` says that the card must have more than its generation's plain profile:
    "local files", the region's own of ``examples/local-files.toml``.
    """

    identifier: str
    name: str
    source: str
    confidence: str
    description: str
    interfaces: tuple[str, ...]
    client: Client
    steps: tuple[ScriptStep, ...]
    outcomes: Mapping[int, ScriptOutcome]
    requires: str = ""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ExchangeScript:
        """Read a script.

        :raises ScriptError: when the file is no script; names file, step and rule.
        :raises OSError: when it cannot be read.
        """
        file = Path(path)
        try:
            return _script(json.loads(file.read_text(encoding="utf-8")))
        except json.JSONDecodeError as error:
            raise ScriptError(f"{file.name}: no JSON: {error}") from None
        except KeyError as error:
            raise ScriptError(f"{file.name}: {error} is missing") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise ScriptError(f"{file.name}: {error}") from None

    def described(self, number: int) -> int:
        """The generation whose expectations hold for one of this number: itself where the script
        names it, else the one that it is based on.

        :raises ScriptError:
        :raises ValueError:
        """
        generation: Generation | None = generation_numbered(number)
        while generation is not None:
            if generation.number in self.outcomes:
                return generation.number
            generation = generation.based_on
        raise ScriptError(f"{self.identifier}: says nothing of generation {number}")


# --- loading ------------------------------------------------------------------------------------

_FIELDS: Final = {
    "script": (
        "format id name source confidence description requires interfaces client outcomes steps"
    ),
    "step": "name command reset let generations status final data accept fields repeat_until",
    "field": "name from to of decode clean required value matches",
}
"""What each object may hold; client and outcome are checked where they are made."""

_PATTERN: Final = re.compile(r"[0-9A-Fx]{4}")


def _script(data: Any) -> ExchangeScript:
    if data["format"] != FORMAT:
        raise ValueError(f"format is not {FORMAT}")
    _refuse_unknown("script", data)
    for generation in generations():
        if not generation.based_on and str(generation.number) not in data["outcomes"]:
            raise KeyError(str(generation.number))
    named = tuple(map(int, data["outcomes"]))
    steps = tuple(_step(number, raw, named) for number, raw in enumerate(data["steps"], 1))
    outcomes = {number: _outcome(data["outcomes"], number, steps) for number in named}
    return ExchangeScript(
        identifier=data["id"],
        name=data["name"],
        source=data["source"],
        confidence=data["confidence"],
        description=data["description"],
        interfaces=tuple(data["interfaces"]),
        client=Client(**data["client"]),
        steps=steps,
        outcomes=outcomes,
        requires=data.get("requires", ""),
    )


def _step(number: int, raw: dict[str, Any], named: tuple[int, ...]) -> ScriptStep:
    where = f"step {number} ({raw.get('name', '')})"
    try:
        _refuse_unknown("step", raw)
        only = tuple(raw.get("generations", named))
        if bool(raw.get("command")) == bool(raw.get("reset")):
            raise ValueError("needs a command or a reset")
        status = _by_generation(raw.get("status", []), named)
        if raw.get("command") and not raw.get("repeat_until"):
            silent = [g for g in only if not status.get(g)]
            if silent:
                raise ValueError(f"no status for generation {silent[0]}")
        return ScriptStep(
            name=raw["name"],
            command=raw.get("command", ""),
            reset=raw.get("reset", ""),
            let=raw.get("let", {}),
            generations=only,
            status=_all_patterns(status),
            final=_all_patterns(_by_generation(raw.get("final", []), named)),
            data=_by_generation(raw.get("data", []), named),
            accept=_patterns(raw.get("accept", ("9000", "61xx"))),
            fields=tuple(_field(item) for item in raw.get("fields", [])),
            repeat_until=raw.get("repeat_until", ""),
        )
    except KeyError as error:
        raise ValueError(f"{where}: {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def _refuse_unknown(kind: str, raw: dict[str, Any]) -> None:
    unknown = raw.keys() - set(_FIELDS[kind].split())
    if unknown:
        raise ValueError(f"{', '.join(map(repr, sorted(unknown)))} is not a field of a {kind}")


def _patterns(words: Any) -> tuple[str, ...]:
    patterns = ("xxxx",) if words == "any" else tuple(words)
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise ValueError(f"{pattern!r} is no status word")
    return patterns


def _all_patterns(words: ByGeneration) -> ByGeneration:
    return {generation: _patterns(patterns) for generation, patterns in words.items()}


def _by_generation(value: Any, named: tuple[int, ...]) -> ByGeneration:
    """A list for all generations, or lists under keys such as "1" and "2,3"."""
    if not isinstance(value, dict):
        return dict.fromkeys(named, tuple(value))
    found = {int(name): tuple(words) for names, words in value.items() for name in names.split(",")}
    if not found.keys() <= set(named):
        raise ValueError("names a generation that has no outcome")
    return found


def _field(raw: dict[str, Any]) -> ScriptField:
    _refuse_unknown("field", raw)
    if ("value" in raw) == ("matches" in raw):
        raise ValueError(f"field {raw['name']!r} needs a value or a pattern")
    return ScriptField(
        name=raw["name"],
        start=raw.get("from", 2),
        end=raw.get("to"),
        whole=raw.get("of", "body") == "answer",
        decode=raw.get("decode", "ascii"),
        clean=tuple(raw.get("clean", ())),
        required=raw.get("required", False),
        value=raw.get("value"),
        matches=raw.get("matches"),
    )


def _outcome(raw: dict[str, Any], generation: int, steps: tuple[ScriptStep, ...]) -> ScriptOutcome:
    data = raw[str(generation)]
    outcome = ScriptOutcome(**data)
    names = {step.name for step in steps if generation in step.generations}
    fields = {item.name for step in steps for item in step.fields}
    rules = {
        "complete": not outcome.at and not outcome.missing,
        "incomplete": not outcome.at and bool(outcome.missing),
        "stops": outcome.at in names,
    }
    if not rules[outcome.result]:
        raise ValueError(f"outcome of generation {generation} contradicts itself")
    if not fields.issuperset(outcome.missing):
        raise ValueError(f"outcome of generation {generation} names an unknown field")
    return outcome
