# SPDX-License-Identifier: Apache-2.0
"""Programs of the field that read or use the transport application, by their exact sequences,
without contacts, on cards with and without bank account and purse.

Readers are exchange scripts made here, those that use a PSAM stand in ``vectors/exchanges``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.reader.interface import ContactlessInterface
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.documents import convert
from sscard_chip.terminal.script import CardKeys, ExchangeScript, ScriptRun, run_script
from tests.bench.exchange import SUCCESS
from tests.bench.purse import CAPP, EP_BUY, EP_LOAD
from tests.bench.purse_cards import secret
from tests.bench.transit_cards import JOURNEY, TransitTerminal, cache, new_memory
from tests.vectors.cards import VECTORS

PPSE = "00A404000E325041592E5359532E444446303100"
SELECT = "00A4040008A00000063201010500"
CASH = "00A4040008A00000063201010600"
UNSELECT = "00A4000000"
PUBLIC = "01015510FFFFFFFF02010310451000000001234520240101203401010000"
FCI = f"6F318408A000000632010105A5259F0801019F0C1E{PUBLIC}"
ENTRY = "61174F08A00000063201010550084D4F545F545F4550870102"
ZERO18, ZERO1E = "00" * 23, "00" * 48
KINDS = ("plain", "bank", "bank and purse")
RICH = Purse(balance_fen=1_000, online_number=3)
Step = dict[str, Any]


def card(kind: str, algorithm: str = "3des") -> ContactlessInterface:
    """A card with one load in its log, in the field of a reader."""
    memory = new_memory(
        algorithm, with_bank=kind != "plain", with_purse=kind == "bank and purse", purse=RICH
    )
    loaded = Card(memory)
    loaded.power_on()
    terminal = TransitTerminal(loaded.transmit, algorithm)
    terminal.select()
    terminal.do(EP_LOAD, 1_000)
    return ContactlessInterface(loaded)


def record() -> str:
    """The load in 0018, as readers see it."""
    return "0003000000000003E80211223344556620240315101112"


def step(command: str, data: str | None = None, *status: str) -> Step:
    """A command, and what the card answers: 9000 if nothing is said."""
    words = list(status) or ["9000"]
    found: Step = {"name": command, "command": command, "status": words, "accept": "any"}
    return found | ({"data": [data]} if data is not None else {})


def play(name: str, interface: ContactlessInterface, steps: list[Step]) -> None:
    document = {
        "format": "sscard-exchange-script/1",
        "id": name,
        "name": name,
        "source": "a program of the field",
        "confidence": "A",
        "description": "",
        "interfaces": ["contactless"],
        "client": {"on_61": "get response", "on_6c": "resend"},
        "outcomes": {number: {"result": "complete"} for number in "123"},
        "steps": steps,
    }
    script = convert(ExchangeScript, document)
    result = run_script(
        script,
        interface,
        generation=3,
        keys=lambda root, version: bytes(16),
        holder={},
        interface="contactless",
    )
    assert result.passed, result.report()
    assert result.exchanges >= len(steps)


LOCAL_NAMES = (
    "5041592E535A54",
    "4150312E5748435443",
    "5041592E4150505900",
    "D4100000030001",
    "535558494E2E4444463031",
    "B0C4C3C5CDA8C7AEB0FC",
    "414D544A41564143415244",
)


@pytest.mark.parametrize("kind", KINDS)
def test_t1_probes_local_cards_then_reads_all(kind: str) -> None:
    """PPSE at its end, the first entry is the bank's."""
    steps = [step("00B0840020", None, "6A82", "6981"), step("9060000000", None, "6E00")]
    for name in LOCAL_NAMES:
        steps.append(step(f"00A40400{len(name) // 2:02X}{name}00", None, "6A82"))
    with_purse = "9000" if kind == "bank and purse" else "6A82"
    steps.append(step("00A4040009A0000000038698070100", None, with_purse))
    steps += [
        step(SELECT, FCI),
        step("00B097000B", "0000015655005510000101"),
        step("805C000204", "000007D0"),
        step("00B201C417", record()),
        *(step(f"00B2{number:02X}C417", ZERO18) for number in range(2, 11)),
        step("00B20BC417", None, "6A83"),
        {
            **step("805000020B010000000100000000000010"),
            "fields": [
                {"name": "number", "from": 4, "to": 6, "decode": "hex", "value": "0004"},
            ],
        },
    ]
    first = "A000000632010105" if kind == "plain" else "A000000333010101"
    field = {"name": "first", "from": 27, "to": 35, "decode": "hex", "value": first}
    steps.append({**step(PPSE), "fields": [field]})
    if kind != "plain":
        steps += [step("00A4040008A00000033301010100"), step("80CA9F1700", None, "9000", "6A88")]
    play("transit-t1", card(kind), steps)


@pytest.mark.parametrize("kind", KINDS)
def test_t2_reads_all_records_at_once(kind: str) -> None:
    play(
        "transit-t2",
        card(kind),
        [
            step("00A40000023F00"),
            step("00A4040009A0000000038698070100", None, "9000" if "purse" in kind else "6A82"),
            step(SELECT, FCI),
            step("00B0950000", PUBLIC),
            step("805C030204", "000007D0"),
            step("805C020204", "00000000"),
            step("805C010204", "00000000"),
            step("00B201C500", record() + ZERO18 * 9),
            *(step(f"00B2{n:02X}C400", record() if n == 1 else ZERO18) for n in range(1, 11)),
        ],
    )


def every_file(*, records_first: bool, sfis: range) -> Iterator[Step]:
    """Each SFI, as a transparent and as a record file to its end."""
    transparent = {0x15: PUBLIC, 0x16: "00" * 55, 0x17: "0000015655005510000101" + "00" * 49}
    linear = {
        0x18: [record(), *[ZERO18] * 9],
        0x19: ["AA29" + "00" * 41],
        0x1A: [JOURNEY.hex().upper()],
        0x1E: [ZERO1E] * 30,
    }
    for sfi in sfis:
        binary = f"00B0{0x80 | sfi:02X}0000"
        if sfi in transparent:
            whole = step(binary, transparent[sfi])
        else:
            whole = step(binary, None, "6981" if sfi in linear else "6A82")
        rows = [
            step(f"00B2{number:02X}{sfi << 3 & 0xFF | 4:02X}00", data)
            for number, data in enumerate(linear.get(sfi, ()), 1)
        ]
        none = "6A83" if rows else "6981" if sfi in transparent else "6A82"
        if not sfi:
            none = "6986"
        last = step(f"00B2{len(rows) + 1:02X}{sfi << 3 & 0xFF | 4:02X}00", None, none)
        yield from [*rows, last, whole] if records_first else [whole, *rows, last]


SELECTORS = ("0004", "0005", "0008", "0009", "000A", "0015", "0018", "0019")


@pytest.mark.parametrize("kind", KINDS)
def test_t3_tries_every_file_then_selectors(kind: str) -> None:
    steps = [step(SELECT, FCI), *every_file(records_first=False, sfis=range(1, 32))]
    steps += [
        step(f"805C0{p1}0204", data)
        for p1, data in enumerate(("000007D0", "00000000", "00000000", "000007D0"))
    ]
    for below in (False, True):
        for fid in SELECTORS:
            steps += [step(UNSELECT), step(SELECT, FCI)]
            if below:
                steps.append(step("00A4000002100100", None, "6A82"))
            there = fid in ("0015", "0018", "0019")
            steps.append(
                step(f"00A4000002{fid}00", "" if there else None, "9000" if there else "6A82")
            )
            read = {"0015": "00B0000000", "0018": "00B2010400", "0019": "00B2010400"}.get(fid)
            if read:
                steps.append(step(read))
    play("transit-t3", card(kind), steps)


@pytest.mark.parametrize("kind", KINDS)
def test_t4_asks_for_the_balances_last(kind: str) -> None:
    steps = [step(SELECT, FCI), *every_file(records_first=True, sfis=range(32))]
    for prefix in (False, True):
        for fid in SELECTORS:
            steps.append(step(SELECT, FCI))
            if prefix:
                steps.append(step("00A4000002100100", None, "6A82"))
            steps.append(step(f"00A4000002{fid}00", None, "9000", "6A82"))
    steps += [
        step(f"805C0{p1}0204", data)
        for p1, data in enumerate(("000007D0", "00000000", "00000000", "000007D0"))
    ]
    play("transit-t4", card(kind), steps)


@pytest.mark.parametrize("kind", KINDS)
def test_t5_takes_the_last_entry_and_all_records_or_nothing(kind: str) -> None:
    interface = card(kind)
    interface.power_on()
    answer = interface.transmit(bytes.fromhex(PPSE))
    assert answer.hex().upper().endswith(f"{ENTRY}9000")
    play(
        "transit-t5",
        interface,
        [
            step(PPSE),
            step(SELECT, FCI),
            step("805C000204", "000007D0"),
            *(step(f"00B2{n:02X}C400", record() if n == 1 else ZERO18) for n in range(1, 11)),
            *(step(f"00B2{n:02X}F400", ZERO1E) for n in range(1, 31)),
        ],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_t6_selects_both_names(kind: str) -> None:
    play(
        "transit-t6",
        card(kind),
        [
            step(CASH, FCI.replace("010105A5", "010106A5")),
            step(SELECT, FCI),
            step("00A4040008A00000033301010100", None, "6A82" if kind == "plain" else "9000"),
            step(SELECT, FCI),
            step("00B095001E", PUBLIC),
            step("805C010204", "00000000"),
            step("805C020204", "00000000"),
            step("805C030204", "000007D0"),
            step(SELECT, FCI),
            *(step(f"00B2{n:02X}C417", record() if n == 1 else ZERO18) for n in range(1, 11)),
            step(CASH),
            step("805C030204", "000007D0"),
            step("00B201C417", record()),
        ],
    )


# --- programs with a PSAM -------------------------------------------------------------------------

WITH_PSAM = {path.stem: path for path in sorted((VECTORS / "exchanges" / "transit").glob("*.json"))}


def test_all_of_them_are_there() -> None:
    assert list(WITH_PSAM) == ["transit-gate", "transit-load", "transit-pos"]


def keys(root: str, version: int) -> bytes:
    """The card's keys, which its PSAM derives."""
    return secret(root.replace("PURSE_", "TRANSIT_"))


def play_file(
    name: str, interface: ContactlessInterface, known: CardKeys, algorithm: str
) -> ScriptRun:
    return run_script(
        ExchangeScript.load(WITH_PSAM[name]),
        interface,
        generation=3,
        keys=known,
        holder={},
        interface="contactless",
        suite=SUITES[algorithm],
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("name", WITH_PSAM)
def test_t7_and_t8_as_scripts(name: str, algorithm: str, kind: str) -> None:
    """A sale with a trip; entry, exit, transfer, update in and out, lock: by their own MACs."""
    result = play_file(name, card(kind, algorithm), keys, algorithm)
    assert result.passed, result.report()


@pytest.mark.parametrize("name", WITH_PSAM)
def test_a_script_sees_a_wrong_key(name: str) -> None:
    """A PSAM of another issuer stops at the first debit."""
    result = play_file(name, card("plain"), lambda root, version: bytes(16), "3des")
    assert not result.passed
    assert "expected 9000, got 9302" in result.report()


def gate(kind: str) -> TransitTerminal:
    interface = card(kind)
    interface.power_on()
    return TransitTerminal(interface.transmit, "3des")


def tap(one: TransitTerminal, fare: int, status: int, kind: int) -> None:
    """A gate: its reading, INITIALIZE of 0 as a test, then the compound purchase."""
    assert one.ok(SELECT).hex().upper() == FCI
    assert len(one.ok("00B095001E")) == 30
    assert one.ok("00B097003C")[8:10] == b"\0\1"
    before = one.ok("00B201D480")
    one.ok("805003020B0100000000112233445566 0F".replace(" ", ""))
    assert int.from_bytes(one.ok("805C030204")) >= fare
    opened = one.init(CAPP, fare)
    journey = before[:14] + bytes((status,)) + bytes(112) + b"\x12"
    trip = bytes((kind,)) + bytes.fromhex("0000112233445566 01").ljust(47, b"\0")
    one.ok(cache(journey[:127] + bytes((status,)), 0x01, 0x1A), cache(trip, 0x00, 0x1E))
    command, expected = one.completion(opened)
    assert one.transmit(command) == expected + b"\x90\x00"  # 8054 without Le
    assert one.ok("00B201D480")[14] == status
    assert one.ok("00B201F430") == trip
    assert one.log()[0][:2] == opened.number.to_bytes(2)


@pytest.mark.parametrize("kind", KINDS)
def test_t8_six_runs_of_a_metro_gate(kind: str) -> None:
    one = gate(kind)
    tap(one, 0, 0x01, 0x03)  # entry
    tap(one, 400, 0x02, 0x04)  # exit
    tap(one, 100, 0x02, 0x04)  # transfer
    tap(one, 0, 0x03, 0x03)  # entry by update
    tap(one, 200, 0x04, 0x04)  # exit by update
    tap(one, 0, 0x00, 0x12)  # lock
    assert one.sw(one.secured("841E0000")) == SUCCESS
    assert one.send(SELECT).sw == 0x6283
    one.ok(UNSELECT)
    assert one.sw(one.secured("84180000")) != SUCCESS
    assert one.send(SELECT).sw == 0x6283
    assert one.sw(one.secured("84180000")) == SUCCESS
    assert one.balances()[3] == 2_000 - 700
    one.do(EP_BUY, 1_300)
    assert one.balances()[3] == 0
