# SPDX-License-Identifier: Apache-2.0
"""Runs exchange scripts: what a program in the field sends to a card, and what it needs back.

The runner plays the client of a script over any :class:`Connection`, in process or over PC/SC,
and says where the card deviates from what the script expects of its generation.

>>> script = Script.load("vectors/exchanges/E03.json")
>>> result = run(script, connection, generation=2, keys=keys, holder=holder)
>>> print(result.report())
E03 on generation 2: as expected, 30 exchanges, ran to its end
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sscard_chip.profile import for_generation
from sscard_chip.reader.interface import Connection
from sscard_chip.security.suite import SUITES, Suite
from sscard_chip.standard.commands import GET_RESPONSE
from sscard_chip.standard.status import describe_status_word, matches_word
from sscard_chip.terminal.placeholders import CardKeys, PlaceholderError, Values
from sscard_chip.terminal.script_model import (
    ExchangeScript,
    ScriptError,
    ScriptStep,
)
from sscard_chip.terminal.script_model import (
    for_generation as said_of,
)

__all__ = [
    "CardKeys",
    "ExchangeObserver",
    "ExchangeScript",
    "InterfaceName",
    "ScriptError",
    "ScriptRun",
    "run_script",
]

InterfaceName = Literal["contact", "contactless"]
ExchangeObserver = Callable[[bytes, bytes], None]

_MOST_RESPONSES: Final = 64
"""GET RESPONSE commands for one answer: 16 kB, more than any file."""
_MOST_REPEATS: Final = 15
"""Commands of a step that repeats: more than any PIN or key has tries."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
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


def run_script(
    script: ExchangeScript,
    connection: Connection,
    *,
    generation: int,
    keys: CardKeys,
    holder: Mapping[str, str],
    interface: InterfaceName = "contact",
    suite: Suite | None = None,
    observer: ExchangeObserver | None = None,
) -> ScriptRun:
    """Play the client of ``script`` against a card of ``generation``.

    :param connection: a slot with the card; it is powered on here and left powered.
    :param keys: the card's keys by root name and version.
    :param holder: the personalised values by name, as text.
    :param interface: over T=0 the expected words hold as written, without contacts 61xx and the
        6Cxx to a Le of 00 or more than enough become 9000.
    :param suite: the card's algorithm; the generation's own by default.
    :param observer: called with each command and answer.
    :raises ScriptError: when a placeholder cannot be filled.
    """
    chosen = suite or (SUITES[for_generation(generation).algorithms[0]])
    connection.power_on()
    values = Values(connection.atr, chosen, keys, holder)
    return _Run(script, connection, generation, values, interface == "contactless", observer).play()


@dataclass
class _Run:
    """The state of one run."""

    script: ExchangeScript
    connection: Connection
    generation: int
    values: Values
    contactless: bool
    observer: ExchangeObserver | None
    failures: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    exchanges: int = 0

    def __post_init__(self) -> None:
        self.described = self.script.described(self.generation)
        self.outcome = self.script.outcomes[str(self.described)]

    def play(self) -> ScriptRun:
        stopped = ""
        for number, step in enumerate(self.script.steps, 1):
            if step.generations and self.described not in step.generations:
                continue
            try:
                going = self._step(number, step)
            except PlaceholderError as error:
                place = f"{self.script.identifier} step {number} ({step.name})"
                raise ScriptError(place, "", str(error)) from None
            if not going:
                stopped = step.name
                break
        wanted = self.outcome.at
        if stopped != wanted:
            expected = f"stop at {wanted!r}" if wanted else "run to its end"
            got = f"stopped at {stopped!r}" if stopped else "ran to its end"
            self.failures.append(f"the client should {expected} but {got}")
        return ScriptRun(
            script=self.script.identifier,
            generation=self.generation,
            failures=tuple(self.failures),
            stopped_at=stopped,
            exchanges=self.exchanges,
            fields=self.fields,
        )

    def _step(self, number: int, step: ScriptStep) -> bool:
        """Play one step; return whether the client goes on."""
        if step.reset:
            if step.reset == "cold":
                self.connection.power_off()
                self.connection.power_on()
            else:
                self.connection.reset()
            return True
        for name, template in step.let.items():
            self.values.variables[name] = self.values.fill(template)
        command = self.values.to_bytes(step.command or "")
        first, body, sw = self._exchange(command)
        if step.repeat_until:
            for _ in range(_MOST_REPEATS):
                if _is(sw, [step.repeat_until]):
                    break
                self._check_status(number, step, command, first, sw)
                first, body, sw = self._exchange(command)
            self._expect(number, step, "status word", [step.repeat_until], sw)
        else:
            self._check_status(number, step, command, first, sw)
        if sw == b"\x90\x00":
            self.values.take(command, body)
        self._check_data(number, step, body)
        complete = self._take_fields(number, step, body, sw)
        return complete and (step.accept == "any" or _is(sw, step.accept))

    def _send(self, command: bytes) -> bytes:
        answer = self.connection.transmit(command)
        self.exchanges += 1
        if self.observer is not None:
            self.observer(command, answer)
        return answer

    def _exchange(self, command: bytes) -> tuple[bytes, bytes, bytes]:
        """First status word, body and last status word, after what the client does about T=0."""
        answer = self._send(command)
        first = answer[-2:]
        client = self.script.client
        if first[:1] == b"\x6c" and client.on_6c == "resend":
            answer = self._send(command[:4] + first[1:2])
        body, sw = answer[:-2], answer[-2:]
        if client.on_61 == "get response":
            for _ in range(_MOST_RESPONSES):
                if sw[:1] != b"\x61":
                    break
                answer = self._send(GET_RESPONSE.header() + sw[1:])
                body, sw = body + answer[:-2], answer[-2:]
        return first, body, sw

    def _check_status(
        self, number: int, step: ScriptStep, command: bytes, first: bytes, sw: bytes
    ) -> None:
        expected = said_of(step.status, self.described)
        if self.contactless:
            expected = [_without_contacts(pattern, command) for pattern in expected]
        if not self._expect(number, step, "status word", expected, first):
            return
        if sw != first:
            final = said_of(step.final, self.described) or ["9000"]
            self._expect(number, step, "status word after 61xx or 6Cxx", final, sw)

    def _expect(
        self, number: int, step: ScriptStep, what: str, expected: list[str], got: bytes
    ) -> bool:
        if _is(got, expected):
            return True
        self._fail(
            number,
            step,
            f"{what}: expected {' or '.join(expected)}, "
            f"got {got.hex().upper()} ({describe_status_word(int.from_bytes(got, 'big'))})",
        )
        return False

    def _check_data(self, number: int, step: ScriptStep, body: bytes) -> None:
        templates = said_of(step.data, self.described)
        if templates and body not in [self.values.to_bytes(template) for template in templates]:
            self._fail(number, step, f"body of {len(body)} bytes is not {' or '.join(templates)}")

    def _take_fields(self, number: int, step: ScriptStep, body: bytes, sw: bytes) -> bool:
        """Parse the step's fields; return False when one that the client insists on is empty."""
        complete = True
        for item in step.fields:
            got = item.parse(body, sw)
            self.fields[item.name] = got
            complete = complete and not (item.required and not got)
            if item.name in self.outcome.missing:
                right = got == self.values.fill(self.outcome.missing[item.name])
                wanted = "what the outcome says"
            elif item.matches is not None:
                right = re.fullmatch(self.values.fill(item.matches), got) is not None
                wanted = item.matches
            else:
                right = got == self.values.fill(item.value or "")
                wanted = item.value or "empty"
            if not right and not (self.outcome.at == step.name and not got):
                self._fail(number, step, f"field {item.name!r} is not {wanted}")
        return complete

    def _fail(self, number: int, step: ScriptStep, what: str) -> None:
        self.failures.append(f"step {number} ({step.name}): {step.label}: {what}")


def _is(sw: bytes, patterns: Iterable[str]) -> bool:
    return len(sw) == 2 and matches_word(int.from_bytes(sw), patterns)


def _without_contacts(pattern: str, command: bytes) -> str:
    """The word that the contactless interface gives where T=0 gives ``pattern``."""
    if pattern.startswith("61"):
        return "9000"
    if pattern.startswith("6C") and pattern[2:] != "xx":
        asked = command[4] if len(command) == 5 else 0
        if asked == 0 or asked > int(pattern[2:], 16):
            return "9000"
    return pattern
