# SPDX-License-Identifier: Apache-2.0
"""Exchange scripts: what a program in the field sends to a card, and what it needs back.

A script is a JSON file (``vectors/schema/exchange.json``, ``docs/exchange-scripts.md``). Each
step holds two things that must not be confused: what the *card* has to answer (``status``,
``data``, the fields' values; a deviation is a failure) and what the *client* tolerates
(``accept``; anything else ends the client's run, which some generations are expected to do).
The runner plays the client over any :class:`Connection`, in process or over PC/SC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from sscard_chip.reader.interface import Connection
from sscard_chip.security.suite import DES, SM4_SUITE, Suite
from sscard_chip.status import describe
from sscard_chip.terminal.placeholders import CardKeys, PlaceholderError, Values

FORMAT: Final = "sscard-exchange/1"
GENERATIONS: Final = (1, 2, 3)
Interface = Literal["contact", "contactless"]
Observer = Callable[[bytes, bytes], None]

_MOST_RESPONSES: Final = 64
"""GET RESPONSE commands for one answer: 16 kB, more than any file."""


class ScriptError(ValueError):
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
class Field:
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
        text = data.hex().upper() if self.decode == "hex" else data.decode(self.decode, "replace")
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


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the client, or a reset. Values per generation are tuples of three."""

    name: str
    command: str = ""
    reset: str = ""
    let: Mapping[str, str] = field(default_factory=dict)
    generations: tuple[int, ...] = GENERATIONS
    status: tuple[tuple[str, ...], ...] = ((), (), ())
    final: tuple[tuple[str, ...], ...] = ((), (), ())
    data: tuple[tuple[str, ...], ...] = ((), (), ())
    accept: tuple[str, ...] = ("9000", "61xx")
    fields: tuple[Field, ...] = ()
    repeat_until: str = ""

    @property
    def label(self) -> str:
        """The command as the script writes it: with placeholders, so without secrets."""
        return self.command or f"{self.reset} reset"


@dataclass(frozen=True, slots=True)
class Outcome:
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
class Script:
    """An exchange script; see the module."""

    identifier: str
    name: str
    source: str
    confidence: str
    description: str
    interfaces: tuple[str, ...]
    client: Client
    steps: tuple[Step, ...]
    outcomes: tuple[Outcome, ...]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Script:
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

    def outcome(self, generation: int) -> Outcome:
        """What is expected on a card of ``generation`` 1 to 3."""
        return self.outcomes[generation - 1]


@dataclass(frozen=True, slots=True)
class Result:
    """How a run went. ``fields`` are what the client took for the holder's data."""

    script: str
    generation: int
    failures: tuple[str, ...]
    stopped_at: str
    exchanges: int
    fields: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.failures

    def report(self) -> str:
        """One line per failure, or one that says what happened. Shows no holder's data."""
        head = f"{self.script} on generation {self.generation}"
        if self.failures:
            return "\n".join(f"{head}: {failure}" for failure in self.failures)
        end = f"stopped at {self.stopped_at!r}" if self.stopped_at else "ran to its end"
        return f"{head}: as expected, {self.exchanges} exchanges, {end}"


def run(
    script: Script,
    connection: Connection,
    *,
    generation: int,
    keys: CardKeys,
    holder: Mapping[str, str],
    interface: Interface = "contact",
    suite: Suite | None = None,
    observer: Observer | None = None,
) -> Result:
    """Play the client of ``script`` against a card of ``generation``.

    :param connection: a slot with the card; it is powered on here and left powered.
    :param keys: the card's keys by root name and version.
    :param holder: the personalised values by name, as text.
    :param interface: over T=0 the expected words hold as written, without contacts 61xx and the
        6Cxx to a Le of 00 or more than enough become 9000.
    :param suite: the card's algorithm; by default SM4 for generation 3, 3DES before.
    :param observer: called with each command and answer.
    :raises ScriptError: when a placeholder cannot be filled.
    """
    chosen = suite or (SM4_SUITE if generation == 3 else DES)
    connection.power_on()
    values = Values(connection.atr, chosen, keys, holder)
    return _Run(script, connection, generation, values, interface, observer).play()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        script: Script,
        connection: Connection,
        generation: int,
        values: Values,
        interface: Interface,
        observer: Observer | None,
    ) -> None:
        self._script = script
        self._connection = connection
        self._generation = generation
        self._values = values
        self._contactless = interface == "contactless"
        self._observer = observer
        self._outcome = script.outcome(generation)
        self._failures: list[str] = []
        self._fields: dict[str, str] = {}
        self._exchanges = 0

    def play(self) -> Result:
        stopped = ""
        for number, step in enumerate(self._script.steps, 1):
            if self._generation not in step.generations:
                continue
            try:
                going = self._step(number, step)
            except PlaceholderError as error:
                raise ScriptError(
                    f"{self._script.identifier} step {number} ({step.name}): {error}"
                ) from None
            if not going:
                stopped = step.name
                break
        wanted = self._outcome.at
        if stopped != wanted:
            expected = f"stop at {wanted!r}" if wanted else "run to its end"
            got = f"stopped at {stopped!r}" if stopped else "ran to its end"
            self._failures.append(f"the client should {expected} but {got}")
        return Result(
            script=self._script.identifier,
            generation=self._generation,
            failures=tuple(self._failures),
            stopped_at=stopped,
            exchanges=self._exchanges,
            fields=self._fields,
        )

    def _step(self, number: int, step: Step) -> bool:
        """Play one step; return whether the client goes on."""
        if step.reset:
            if step.reset == "cold":
                self._connection.power_off()
                self._connection.power_on()
            else:
                self._connection.reset()
            return True
        for name, template in step.let.items():
            self._values.variables[name] = self._values.fill(template)
        command = self._values.bytes(step.command)
        first, body, sw = self._exchange(command)
        if step.repeat_until:
            for _ in range(15):
                if _matches(sw, (step.repeat_until,)):
                    break
                self._check_status(number, step, command, first, sw)
                first, body, sw = self._exchange(command)
            self._expect(number, step, "status word", (step.repeat_until,), sw)
        else:
            self._check_status(number, step, command, first, sw)
        if command[:2] == b"\x00\x84" and sw == b"\x90\x00":
            self._values.challenges.append(body)
        self._check_data(number, step, body)
        complete = self._take_fields(number, step, body, sw)
        return complete and _matches(sw, step.accept)

    def _send(self, command: bytes) -> bytes:
        answer = self._connection.transmit(command)
        self._exchanges += 1
        if self._observer is not None:
            self._observer(command, answer)
        return answer

    def _exchange(self, command: bytes) -> tuple[bytes, bytes, bytes]:
        """First status word, body and last status word, after what the client does about T=0."""
        answer = self._send(command)
        first = answer[-2:]
        client = self._script.client
        if first[:1] == b"\x6c" and client.on_6c == "resend":
            answer = self._send(command[:4] + first[1:2])
        body, sw = answer[:-2], answer[-2:]
        if client.on_61 == "get response":
            for _ in range(_MOST_RESPONSES):
                if sw[:1] != b"\x61":
                    break
                answer = self._send(bytes((0x00, 0xC0, 0x00, 0x00)) + sw[1:])
                body, sw = body + answer[:-2], answer[-2:]
        return first, body, sw

    def _check_status(
        self, number: int, step: Step, command: bytes, first: bytes, sw: bytes
    ) -> None:
        index = self._generation - 1
        expected = step.status[index]
        if self._contactless:
            expected = tuple(_without_contacts(pattern, command) for pattern in expected)
        if not self._expect(number, step, "status word", expected, first):
            return
        if sw != first:
            final = step.final[index] or ("9000",)
            self._expect(number, step, "status word after 61xx or 6Cxx", final, sw)

    def _expect(
        self, number: int, step: Step, what: str, expected: tuple[str, ...], got: bytes
    ) -> bool:
        if _matches(got, expected):
            return True
        self._fail(
            number,
            step,
            f"{what}: expected {' or '.join(expected)}, "
            f"got {got.hex().upper()} ({describe(int.from_bytes(got, 'big'))})",
        )
        return False

    def _check_data(self, number: int, step: Step, body: bytes) -> None:
        templates = step.data[self._generation - 1]
        if templates and body not in [self._values.bytes(template) for template in templates]:
            self._fail(number, step, f"body of {len(body)} bytes is not {' or '.join(templates)}")

    def _take_fields(self, number: int, step: Step, body: bytes, sw: bytes) -> bool:
        """Parse the step's fields; return False when one that the client insists on is empty."""
        complete = True
        for item in step.fields:
            got = item.parse(body, sw)
            self._fields[item.name] = got
            complete = complete and not (item.required and not got)
            if item.name in self._outcome.missing:
                right = got == self._values.fill(self._outcome.missing[item.name])
                wanted = "what the outcome says"
            elif item.matches is not None:
                right = re.fullmatch(self._values.fill(item.matches), got) is not None
                wanted = item.matches
            else:
                right = got == self._values.fill(item.value or "")
                wanted = item.value or "empty"
            if not right and not (self._outcome.at == step.name and not got):
                self._fail(number, step, f"field {item.name!r} is not {wanted}")
        return complete

    def _fail(self, number: int, step: Step, what: str) -> None:
        self._failures.append(f"step {number} ({step.name}): {step.label}: {what}")


def _matches(sw: bytes, patterns: tuple[str, ...]) -> bool:
    """Whether a status word is one of the patterns, in which x stands for any digit."""
    text = sw.hex().upper()
    return len(sw) == 2 and any(
        all(p in ("x", c) for p, c in zip(pattern, text, strict=True)) for pattern in patterns
    )


def _without_contacts(pattern: str, command: bytes) -> str:
    """The word that the contactless interface gives where T=0 gives ``pattern``."""
    if pattern.startswith("61"):
        return "9000"
    if pattern.startswith("6C") and pattern[2:] != "xx":
        asked = command[4] if len(command) == 5 else 0
        if asked == 0 or asked > int(pattern[2:], 16):
            return "9000"
    return pattern


# --- loading ------------------------------------------------------------------------------------

_PATTERN: Final = re.compile(r"[0-9A-Fx]{4}")


def _script(data: Any) -> Script:
    if data["format"] != FORMAT:
        raise ValueError(f"format is not {FORMAT}")
    steps = tuple(_step(number, raw) for number, raw in enumerate(data["steps"], 1))
    outcomes = tuple(_outcome(data["outcomes"], generation, steps) for generation in GENERATIONS)
    return Script(
        identifier=data["id"],
        name=data["name"],
        source=data["source"],
        confidence=data["confidence"],
        description=data["description"],
        interfaces=tuple(data["interfaces"]),
        client=Client(**data["client"]),
        steps=steps,
        outcomes=outcomes,
    )


def _step(number: int, raw: dict[str, Any]) -> Step:
    where = f"step {number} ({raw.get('name', '')})"
    try:
        generations = tuple(raw.get("generations", GENERATIONS))
        if bool(raw.get("command")) == bool(raw.get("reset")):
            raise ValueError("needs a command or a reset")
        status = _per_generation(raw.get("status", []))
        if raw.get("command") and not raw.get("repeat_until"):
            silent = [g for g in generations if not status[g - 1]]
            if silent:
                raise ValueError(f"no status for generation {silent[0]}")
        return Step(
            name=raw["name"],
            command=raw.get("command", ""),
            reset=raw.get("reset", ""),
            let=raw.get("let", {}),
            generations=generations,
            status=tuple(_patterns(words) for words in status),
            final=tuple(_patterns(words) for words in _per_generation(raw.get("final", []))),
            data=_per_generation(raw.get("data", [])),
            accept=_patterns(raw.get("accept", ("9000", "61xx"))),
            fields=tuple(_field(item) for item in raw.get("fields", [])),
            repeat_until=raw.get("repeat_until", ""),
        )
    except KeyError as error:
        raise ValueError(f"{where}: {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def _patterns(words: Any) -> tuple[str, ...]:
    patterns = ("xxxx",) if words == "any" else tuple(words)
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise ValueError(f"{pattern!r} is no status word")
    return patterns


def _per_generation(value: Any) -> tuple[tuple[str, ...], ...]:
    """A list for all generations, or lists under keys such as "1" and "2,3"."""
    if not isinstance(value, dict):
        return (tuple(value),) * 3
    found: list[tuple[str, ...]] = [(), (), ()]
    for names, words in value.items():
        for name in names.split(","):
            found[GENERATIONS.index(int(name))] = tuple(words)
    return tuple(found)


def _field(raw: dict[str, Any]) -> Field:
    if ("value" in raw) == ("matches" in raw):
        raise ValueError(f"field {raw['name']!r} needs a value or a pattern")
    return Field(
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


def _outcome(raw: dict[str, Any], generation: int, steps: tuple[Step, ...]) -> Outcome:
    data = raw[str(generation)]
    outcome = Outcome(**data)
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
