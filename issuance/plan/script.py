# SPDX-License-Identifier: Apache-2.0
"""A plan as a file for a personalisation machine: commands in hex, proofs as placeholders.

No key stands in it in clear. The machine, or its security module, has the keys that ``keys``
names and computes, with the last challenge R:

========================  ==========================================================
``{direct:KEY}``          8 bytes: R under KEY itself
``{session:KEY:HEX}``     8 bytes 鉴别数据 of the original HEX under the session key of KEY
``{mac:KEY}``             4 bytes: MAC under KEY itself, IV R, over all that stands before
``{seal:KEY:HEX:SECRET}`` LD || HEX || SECRET, padded, enciphered under KEY
========================  ==========================================================

``docs/personalisation.md`` has the algorithms. The file holds the holder's data in clear and key
cryptograms under the temporary master key: it is written for its owner only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from issuance.plan.steps import ZERO, ChallengeUse, Plan, PlanStep
from issuance.privatefile import write_private
from sscard_chip.standard.documents import Model, rule

FORMAT: Final = "sscard-personalisation/1"
_MAC_LENGTH: Final = 4
_AUTHENTICATION_LENGTH: Final = 8


class ScriptedStep(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One step: a reset, or a command behind the challenge that it needs."""

    phase: Annotated[str, rule(title="Of the work")]
    name: Annotated[str, rule(title="For people")]
    reset: Annotated[bool, rule(title="A reset; then nothing follows")] = False
    challenge: Annotated[int | None, rule(title="Bytes of the challenge fetched before")] = None
    command: Annotated[
        str | None,
        rule(title="Hexadecimal, with placeholders for proofs: docs/personalisation.md"),
    ] = None
    le: Annotated[int | None, rule(title="Expected length, 0 for all")] = None
    sw: Annotated[str | None, rule(title="Status word")] = None
    answer: Annotated[str | None, rule(title="Hexadecimal, where it is known")] = None


class PersonalisationScript(Model, frozen=True):
    """A card's plan for a personalisation machine (sscard-personalisation/1)."""

    format: Literal["sscard-personalisation/1"]
    generation: int
    historical_bytes: Annotated[str, rule(pattern="[0-9A-F]{26}", title="Hexadecimal")]
    keys: Annotated[dict[str, str], rule(title="Keys that are used, each with its algorithm")]
    steps: list[ScriptedStep]


def plan_document(plan: Plan) -> dict[str, object]:
    """The document."""
    used = {step.key for step in plan.steps if step.key}
    used |= {step.secret for step in plan.steps if step.key == ZERO}
    script = PersonalisationScript(
        FORMAT,
        plan.generation,
        plan.historical_bytes.hex().upper(),
        {name: plan.keys[name].algorithm for name in sorted(used - {ZERO})},
        [_step(plan, step) for step in plan.steps],
    )
    document: dict[str, object] = msgspec.to_builtins(script)
    return document


def write_script(plan: Plan, path: Path) -> None:
    """Write the script file, mode 0600, whole or not at all.

    :raises OSError:
    """
    write_private(path, encode_script(plan_document(plan)))


def encode_script(document: Mapping[str, object]) -> bytes:
    """The content of a script file."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def _step(plan: Plan, step: PlanStep) -> ScriptedStep:
    phase, name = step.phase.value, step.name
    if not step.header:
        return ScriptedStep(phase=phase, name=name, reset=True)
    return ScriptedStep(
        phase=phase,
        name=name,
        challenge=step.proof.challenge_length or None,
        command=step.header.hex().upper() + _data(plan, step),
        le=None if step.data else step.ne,
        sw="9000",
        answer=None if step.answer is None else step.answer.hex().upper(),
    )


def _data(plan: Plan, step: PlanStep) -> str:
    """Lc and data."""
    if step.proof is ChallengeUse.DIRECT:
        return f"{_AUTHENTICATION_LENGTH:02X}{{direct:{step.key}}}"
    data = step.data.hex().upper()
    if step.proof is ChallengeUse.SESSION:
        length = len(step.data) + _AUTHENTICATION_LENGTH
        return f"{length:02X}{{session:{step.key}:{data[:16]}}}{data}"
    if step.proof is ChallengeUse.MAC:
        cryptogram = plan.cryptogram(step)
        sealed = cryptogram.hex().upper()
        if step.key == ZERO:  # known to everybody: the cryptogram would be the key in clear
            sealed = f"{{seal:{step.key}:{data}:{step.secret}}}"
        return f"{len(cryptogram) + _MAC_LENGTH:02X}{sealed}{{mac:{step.key}}}"
    return f"{len(step.data):02X}{data}" if step.data else ""
