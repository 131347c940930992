# SPDX-License-Identifier: Apache-2.0
"""Cards for the vectors: the invented holders, fixed root keys, and a way to run a script.

For tests over other connections (PC/SC)::

    from tests.vectors.cards import SCRIPTS, card_image, play

    image = card_image(generation, script)      # the memory of a card, a new one each time
    result = play(script, connection, generation)
    assert result.passed, result.report()
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from issuance.bank.account import BankAccount
from issuance.bank.personalise import Bank, put_bank
from issuance.bank.roots import bank_slots
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import RootKeys, create_roots
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.local import load_local_file
from sscard_chip.reader.interface import Connection
from sscard_chip.security.diversify import card_chain
from sscard_chip.security.suite import SUITES
from sscard_chip.terminal.placeholders import CardKeys, historical_bytes
from sscard_chip.terminal.script import (
    ExchangeObserver,
    ExchangeScript,
    InterfaceName,
    ScriptRun,
    run_script,
)

VECTORS: Final = Path(__file__).parents[2] / "vectors"
LOCAL_FILES: Final = VECTORS.parent / "examples" / "local-files.toml"
LOCAL_ROOTS: Final = ("RKLOCAL0C", "UKLOCAL0D")
SERIAL: Final = bytes.fromhex("07A1B2C3")

SCRIPTS: Final[Mapping[str, ExchangeScript]] = {
    path.stem: ExchangeScript.load(path) for path in sorted((VECTORS / "exchanges").glob("*.json"))
}


def load(name: str) -> Any:
    """A JSON file below ``vectors``."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@cache
def roots() -> RootKeys:
    """Root keys, the same in every run: a failure can be repeated."""
    drawn = random.Random(32)
    standard = create_roots(drawn.randbytes)
    keys = {(s, n, v): drawn.randbytes(16) for s in SUITES for n in LOCAL_ROOTS for v in (1, 2, 3)}
    for suite, name, version in standard.slots():
        # A store gives no root away: this one is drawn anew under the same name.
        keys[suite, name, version] = drawn.randbytes(16)
    return RootKeys(keys)


@cache
def profile_of(generation: int, requires: str = "") -> Profile:
    """The plain profile, or the one with the local files of ``examples``."""
    local = [load_local_file(LOCAL_FILES)] if requires == "local files" else []
    return for_generation(generation, local_files=local)


@cache
def _issued(generation: int, requires: str) -> Memory:
    holder = Holder.load(VECTORS / "holders" / f"generation{generation}.json")
    profile = profile_of(generation, requires)
    return issue_card(generation, roots(), holder, serial=SERIAL, profile=profile)


def card_image(generation: int, script: ExchangeScript | None = None) -> Memory:
    """A freshly issued card with all the sample values of ``vectors/holders``, for ``script``."""
    return _issued(generation, script.requires if script else "").copy()


def card(generation: int, script: ExchangeScript | None = None) -> Card:
    """A freshly issued card, not yet powered."""
    return Card(card_image(generation, script))


@cache
def _with_bank(generation: int, requires: str, state: str) -> Memory:
    keys = {slot: random.Random(repr(slot)).randbytes(16) for slot in bank_slots()}
    account = {"pan": "6239990000000012344", "pin": "135790", "state": state, "purse": {}}
    return put_bank(
        _issued(generation, requires),
        Bank(RootKeys(keys)),
        BankAccount.from_object(account, card_expiry="20361231"),
        issued="20260701",
        algorithm=profile_of(generation).algorithms[0],
    )


def bank_card(generation: int, script: ExchangeScript, state: str = "active") -> Card:
    """The card of :func:`card` with a bank application and purse, ``"active"`` or ``"dormant"``."""
    return Card(_with_bank(generation, script.requires, state).copy())


def card_keys(generation: int, atr: bytes) -> CardKeys:
    """The keys of the card with this ATR, derived as a security module would."""
    profile = for_generation(generation)
    algorithm = profile.algorithms[0]
    city = load(f"holders/generation{generation}.json")["city"]
    chain = card_chain(city, historical_bytes(atr))
    singles = {
        key.root for directory in profile.directories for key in directory.keys if key.single
    }

    def key(root: str, version: int, /) -> bytes:
        secret = roots().diversify(algorithm, root, version, [chain])[0]
        return secret[:8] if root in singles and algorithm == "3des" else secret

    return key


@cache
def holder_values(generation: int) -> dict[str, str]:
    """The holder as scripts see it: the fields, the name in its two records, ``DF01.EF05.20``."""
    holder = load(f"holders/generation{generation}.json")
    values = {name: value for name, value in holder.items() if isinstance(value, str)}
    for directory, files in holder["files"].items():
        for file, content in files.items():
            for tag, value in content.items() if isinstance(content, dict) else ():
                if isinstance(value, str):
                    values[f"{directory}.{file}.{tag}"] = value
    records = {
        record["tag"]: record["value"]
        for file in load(f"files/generation{generation}.json")["directories"]["SSSE"][:2]
        for record in file["records"]
    }
    return values | {
        "version": records["03"],
        "name_first": records["09"],
        "name_extension": records.get("4E", ""),
    }


def play(
    script: ExchangeScript,
    connection: Connection,
    generation: int,
    *,
    interface: InterfaceName = "contact",
    observer: ExchangeObserver | None = None,
) -> ScriptRun:
    """Run ``script`` over ``connection``, behind which is a card from :func:`card_image`."""
    return run_script(
        script,
        connection,
        generation=generation,
        keys=card_keys(generation, connection.atr),
        holder=holder_values(generation),
        interface=interface,
        observer=observer,
    )
