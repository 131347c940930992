# SPDX-License-Identifier: Apache-2.0
"""A scenario: a document that says what goes wrong in which slot, and when.

TOML or JSON::

    format = "sscard-scenario/1"

    [[faults]]
    fault = "mute"                    # no answer for so long, then none at all
    command = "DEBIT FOR PURCHASE"    # a name of the standard, or CLA INS as 4 hex digits
    seconds = 5

    [[faults]]
    slot = 2
    fault = "wrong-status"
    command = "80FA"
    at = 3                            # the third such command from now
    times = 0                         # and all later ones
    status = "6F00"

    [[faults]]
    fault = "power-cut"
    command = "CREDIT FOR LOAD"
    write = 1                         # in the first write to the card's memory
    kept = "half"
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from sscard_chip.memory.cut import Kept
from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand
from sscard_chip.standard.documents import Broken, Document, DocumentError, Model, rule

FORMAT: Final = "sscard-scenario/1"
MAX_SLOTS: Final = 64

_NAMES: Final[dict[str, list[StandardCommand]]] = {}
for _one in vars(commands).values():
    if isinstance(_one, StandardCommand):
        _NAMES.setdefault(_one.name, []).append(_one)

_HEX_COMMAND: Final = 4
_STATUS_WORD: Final = "[0-9A-Fa-f]{4}"
_ONLY: Final = {
    "seconds": (ExchangeFault.MUTE, ExchangeFault.SLOW),
    "status": (ExchangeFault.WRONG_STATUS,),
    "write": (ExchangeFault.POWER_CUT,),
    "kept": (ExchangeFault.POWER_CUT,),
}
"""Fields that only some faults have."""


class ScenarioError(DocumentError):
    """A scenario that cannot be used: file, line, item and rule of each finding, in one line."""


def _check_command(text: str) -> str | None:
    return None if _find(text) else "must be a command of the standard, or CLA INS (4 hex digits)"


class PlannedFault(Model, frozen=True):
    """A fault, counted from when it is armed."""

    WHAT = "a fault"

    fault: Annotated[
        Literal["mute", "slow", "short", "wrong-status", "removed", "power-cut"],
        rule("must be mute, slow, short, wrong-status, removed or power-cut"),
    ]
    slot: Annotated[int, rule(ge=1, le=MAX_SLOTS)] = 1
    command: (
        Annotated[
            str,
            rule(check=_check_command, title="Name of the standard, or CLA INS; without, any"),
        ]
        | None
    ) = None
    at: Annotated[int, rule(ge=1, le=1_000_000_000, title="Which such command, from 1")] = 1
    times: Annotated[
        int, rule(ge=0, le=1_000_000_000, title="How many from then on; 0 for all")
    ] = 1
    executed: Annotated[bool, rule(title="Whether the card runs the command that is lost")] = True
    seconds: (
        Annotated[
            float, rule("must be 0 to 3600 seconds", ge=0, le=3600, title="Mute or slow: how long")
        ]
        | None
    ) = None
    status: (
        Annotated[str, rule("must be 4 hex digits", pattern=_STATUS_WORD, title="Status word")]
        | None
    ) = None
    write: (
        Annotated[int, rule(ge=1, le=1_000_000, title="Power cut: at which write to the memory")]
        | None
    ) = None
    kept: (
        Annotated[
            Literal["none", "half", "all"],
            rule("must be none, half or all", title="Power cut: what arrives of that write"),
        ]
        | None
    ) = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """No field that the fault does not have."""
        for name, faults in _ONLY.items():
            if good.get(name) is not None and good.get("fault", faults[0]) not in faults:
                yield (name,), f"is only for {' and '.join(faults)}"
        if good.get("kept") is not None and good.get("write", 0) is None:
            yield ("kept",), "needs write"

    def faults(self) -> list[FaultAt]:
        """One for each command that has the name."""
        return [
            FaultAt(
                ExchangeFault(self.fault),
                self.at,
                self.executed,
                bytes.fromhex(self.status or "6F00"),
                1.0 if self.seconds is None else self.seconds,
                command,
                self.times,
                self.write or 0,
                Kept(self.kept or "none"),
            )
            for command in (_find(self.command) if self.command else [None])
        ]


class Scenario(Model, frozen=True):
    """What goes wrong in the slots of a virtual reader (``sscard serve --scenario``)."""

    NOT_OBJECT = f"format: must be {FORMAT}"

    format: Annotated[Literal["sscard-scenario/1"], rule(f"must be {FORMAT}")]
    faults: list[PlannedFault] = []

    def request(self) -> dict[str, Any]:
        """What asks the control socket of a reader for these faults."""
        return {"do": "fault", "faults": msgspec.to_builtins(self.faults)}

    def of_slots(self) -> dict[int, list[FaultAt]]:
        """The faults of each slot that has some, from 0."""
        found: dict[int, list[FaultAt]] = {}
        for one in self.faults:
            found.setdefault(one.slot - 1, []).extend(one.faults())
        return found


def load_scenario(path: str | os.PathLike[str], slots: int = MAX_SLOTS) -> Scenario:
    """Read a scenario for a reader of so many slots.

    :raises ScenarioError: all findings.
    """
    document = Document.load(path, ScenarioError)
    scenario = document.to(Scenario)
    for number, one in enumerate(scenario.faults, 1):
        if one.slot > slots:
            raise document.error(f"faults.{number} slot", f"the reader has {slots} slots")
    return scenario


def parse_fault(text: str, slots: int = MAX_SLOTS) -> PlannedFault:
    """A fault in one line: its name, then fields of a scenario's fault as NAME=VALUE.

    >>> parse_fault("mute command=VERIFY seconds=2").command
    'VERIFY'

    A value with blanks stands in quotes, as in a shell.

    :raises ScenarioError: all findings.
    """
    source = "fault"
    try:
        name, *fields = shlex.split(text) or [""]
    except ValueError:
        raise ScenarioError(source, "", "must be a name and NAME=VALUE, quotes closed") from None
    value: dict[str, Any] = {"fault": name}
    for field in fields:
        key, equals, given = field.partition("=")
        if not equals or key in value:
            raise ScenarioError(source, "", "must be a name and NAME=VALUE, each name once")
        value[key] = _typed(key, given)
    fault = Document(source, value, ScenarioError).to(PlannedFault)
    if fault.slot > slots:
        raise ScenarioError(source, "slot", f"the reader has {slots} slots")
    return fault


def _typed(key: str, text: str) -> Any:
    """A value as TOML would have it."""
    if key in ("slot", "at", "times", "write") and text.isascii() and text.isdecimal():
        return int(text)
    if key == "seconds":
        try:
            return float(text)
        except ValueError:
            return text
    return {"true": True, "false": False}.get(text, text) if key == "executed" else text


def _find(text: str) -> list[StandardCommand]:
    """The commands of a name, or the one of CLA INS as hex digits."""
    known = _NAMES.get(text.upper())
    if known:
        return known
    try:
        code = bytes.fromhex(text) if len(text) == _HEX_COMMAND else b""
    except ValueError:
        return []
    return [StandardCommand(text.upper(), "", code[0], code[1], "")] if code else []
