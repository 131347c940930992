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
from typing import Final

from issuance.plan.steps import ZERO, ChallengeUse, Plan, PlanStep
from issuance.privatefile import write_private

FORMAT: Final = "sscard-personalisation/1"
_MAC_LENGTH: Final = 4
_AUTHENTICATION_LENGTH: Final = 8


def plan_document(plan: Plan) -> dict[str, object]:
    """The document."""
    used = {step.key for step in plan.steps if step.key}
    used |= {step.secret for step in plan.steps if step.key == ZERO}
    return {
        "format": FORMAT,
        "generation": plan.generation,
        "historical_bytes": plan.historical_bytes.hex().upper(),
        "keys": {name: plan.keys[name].algorithm for name in sorted(used - {ZERO})},
        "steps": [_step(plan, step) for step in plan.steps],
    }


def write_script(plan: Plan, path: Path) -> None:
    """Write the script file, mode 0600, whole or not at all.

    :raises OSError:
    """
    write_private(path, encode_script(plan_document(plan)))


def encode_script(document: Mapping[str, object]) -> bytes:
    """The content of a script file."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def _step(plan: Plan, step: PlanStep) -> dict[str, object]:
    entry: dict[str, object] = {"phase": step.phase.value, "name": step.name}
    if not step.header:
        return entry | {"reset": True}
    if step.proof.challenge_length:
        entry["challenge"] = step.proof.challenge_length
    entry["command"] = step.header.hex().upper() + _data(plan, step)
    if step.ne is not None and not step.data:
        entry["le"] = step.ne
    entry["sw"] = "9000"
    if step.answer is not None:
        entry["answer"] = step.answer.hex().upper()
    return entry


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
