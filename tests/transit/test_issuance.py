# SPDX-License-Identifier: Apache-2.0
"""The transport application of a holder file: what may stand there, and the card that comes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.roots import bank_slots
from issuance.holder import Holder, HolderError
from issuance.personalise import issue_card
from issuance.roots import RootKeys, root_names
from issuance.transport import (
    TransportIssueError,
    TransportIssuer,
    TransportOptions,
    put_transport,
    transport_slots,
)
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import top
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.removal import bank_directories, remove_bank
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.security.diversify import diversify_chain
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.documents import convert, find
from sscard_cli.main import main
from tests.bank import bank
from tests.bench import account_cards as medical
from tests.bench.exchange import Exchange
from tests.bench.reference import purse as reference
from tests.bench.transit_cards import new_memory

KEYS = {slot: random.Random(repr(slot)).randbytes(16) for slot in transport_slots()}
ISSUER = TransportIssuer(RootKeys(KEYS), random.Random(7).randbytes)
SELECT = "00A4040008A00000063201010500"

RIGHT: list[dict[str, Any]] = [
    {},
    {"balance_fen": 0xFFFFFFFF},
    {"balance_fen": 0xFF000000, "overdraft_limit_fen": 0xFFFFFF},
    {"issuer": "01015510ffffffff", "serial": "3104510000000012345", "version": 255},
    {"start_date": "20240229", "expiry_date": "20340101", "card_type": 3, "suite": "sm4"},
    {"journeys": ["2701", "2712"], "compound": {"01": 250}, "full_logs": False},
    {"aid_suffix": "5510000000000001", "on_contacts": True, "interoperable": False},
]
WRONG: list[tuple[object, str, str]] = [
    ([], "", "must be an object"),
    ({"deposit_fen": 1}, "deposit_fen", "is not a field of it"),
    ({"balance_fen": -1}, "balance_fen", "must be a whole number of fen from 0 to 4294967295"),
    (
        {"balance_fen": 0xFFFFFFFF, "overdraft_limit_fen": 1},
        "balance_fen",
        "together with overdraft_limit_fen must be at most 4294967295",
    ),
    ({"serial": "1234"}, "serial", "must be 19 digits that begin with 31"),
    ({"serial": "32" + "0" * 17}, "serial", "must be 19 digits that begin with 31"),
    ({"serial": "３1" + "0" * 17}, "serial", "must be 19 digits that begin with 31"),
    ({"issuer": "01"}, "issuer", "must be 8 bytes, 16 hex digits"),
    ({"suite": "des"}, "suite", "must be one of 3des, sm4"),
    ({"card_type": 6}, "card_type", "must be a whole number from 1 to 5"),
    ({"start_date": "20240102", "expiry_date": "20240101"}, "expiry_date", "is before start_date"),
    ({"journeys": []}, "journeys", "must be a list of 1 to 8 identifiers"),
    ({"journeys": "2701"}, "journeys", "must be a list of 1 to 8 identifiers"),
    ({"journeys": ["27"]}, "journeys", "an identifier must be 4 capital hex digits"),
    ({"journeys": ["2700"]}, "journeys", "must not begin with 00 or end with 00 or FF"),
    ({"journeys": ["2701", "2801"]}, "journeys", "two identifiers end alike"),
    ({"compound": {"aa": 1}}, "compound", "2 capital hex digits, not 00 or FF"),
    ({"full_logs": 1}, "full_logs", "must be true or false"),
    ({"aid_suffix": "551"}, "aid_suffix", "must be up to 8 bytes, 16 hex digits"),
    ({"aid_suffix": "00" * 9}, "aid_suffix", "must be up to 8 bytes, 16 hex digits"),
]


@pytest.mark.parametrize("value", RIGHT)
def test_right_options(value: dict[str, Any]) -> None:
    assert list(find(TransportOptions, value)) == []
    assert repr(convert(TransportOptions, value)) == "<TransportOptions>"


@pytest.mark.parametrize(("value", "item", "rule"), WRONG)
def test_wrong_options(value: object, item: str, rule: str) -> None:
    ((found, text),) = [(one.item, one.rule) for one in find(TransportOptions, value)]
    assert found == item
    assert rule in text


def holder(**transport: Any) -> Holder:
    document = bank.HOLDER | {"transport": transport, "expiry_date": "20351231"}
    return Holder.from_object(document, source="HOLDER.json", today=bank.TODAY)


def issue(**transport: Any) -> Card:
    card = Card(issue_card(3, bank.roots(), holder(**transport), transport=ISSUER))
    card.power_on()
    return card


@pytest.mark.parametrize("suite", ["3des", "sm4"])
def test_issued_card_works_with_the_issuers_keys(suite: str) -> None:
    """A purchase, with the card's key diversified as the PSAM does it: issuer, then serial."""
    given = {"issuer": "01015510FFFFFFFF", "serial": "3104510000000012345"}
    one = Exchange(issue(balance_fen=500, suite=suite, **given).transmit)
    one.ok(SELECT)
    public = one.ok("00B095001E")
    assert public.hex() == "01015510ffffffff02010310451000000001234520260701203512310000"
    key, tac_key = (KEYS[suite, name, 1] for name in ("TRANSIT_DPK", "TRANSIT_DTK"))
    factors = bytes.fromhex("01015510FFFFFFFF"), bytes.fromhex("4510000000012345")
    key, tac_key = (diversify_chain(SUITES[suite], one_key, factors) for one_key in (key, tac_key))
    opened = one.ok("805001020B01000000641122334455660F")
    factor = opened[11:15] + opened[4:6] + b"\x00\x01"
    session = reference.session_key(suite, key, factor)
    what, time = bytes.fromhex("00000064 06 112233445566"), bytes.fromhex("20260801080000")
    mac1 = reference.mac(suite, session, what + time)
    answer = one.ok(b"\x80\x54\x01\x00\x0f" + bytes.fromhex("00000001") + time + mac1)
    tac = reference.tac(suite, tac_key, what + bytes.fromhex("00000001") + time)
    assert answer == tac + reference.mac(suite, session, what[:4])
    assert one.ok("805C030204") == bytes.fromhex("00000190")


def test_what_the_holder_leaves_out() -> None:
    one = Exchange(issue().transmit)
    one.ok(SELECT)
    public = one.ok("00B095001E")
    # Chengdu, division 5101, has area code 6510; Sichuan 6500.
    assert public[:10].hex() == "01016510ffffffff0201"
    assert public[10:20].hex()[:3] == "031"
    assert public[10:20].hex().isdecimal()
    assert public[20:].hex() == "20260701203512310000"
    assert one.ok("00B097000B").hex() == "0000015665006510000101"
    other = Exchange(issue().transmit)
    other.ok(SELECT)
    assert other.ok("00B095001E")[10:20] != public[10:20]


def test_several_journeys_are_found_by_number_and_identifier() -> None:
    one = Exchange(issue(journeys=["2701", "2712"]).transmit)
    one.ok(SELECT)
    assert one.ok("00B202D480")[:6].hex() == one.ok("00B212D080")[:6].hex() == "27127d010100"
    assert one.ok("00B201D080")[:2].hex() == "2701"
    assert one.sw("00B227D080") == 0x6A83


@pytest.mark.parametrize("generation", [1, 2])
def test_only_generation_3_has_one(generation: int) -> None:
    with pytest.raises(HolderError, match=f"transport: a card of generation {generation} has no"):
        issue_card(generation, bank.roots(), holder(), transport=ISSUER)


def test_keys_are_the_transport_issuers() -> None:
    with pytest.raises(HolderError, match="transport: needs the transport issuer's root keys"):
        issue_card(3, bank.roots(), holder())
    with pytest.raises(KeyStoreError, match="TRANSIT_D"):
        issue_card(3, bank.roots(), holder(), transport=TransportIssuer(bank.roots()))
    names = {name for _, name, _ in transport_slots()}
    assert names == {f"TRANSIT_{n}" for n in ("DLK", "DPK", "DTK", "DAMK", "DIAK", "DEAK")}
    assert names.isdisjoint(name for _, name, _ in bank_slots())
    assert names.isdisjoint(root_names())


def test_a_card_has_one_and_room_for_it() -> None:
    more = {"start": "20260701", "expiry": "20360701", "algorithm": "3des"}
    options = TransportOptions()
    with pytest.raises(TransportIssueError, match="the card has one already"):
        put_transport(new_memory(), ISSUER, options, **more)
    full = medical.new_memory()
    small = Memory(full.cells[: top(full) + 500])
    with pytest.raises(TransportIssueError, match="the card has no room for it"):
        put_transport(small, ISSUER, options, **more)
    assert bytes(small.cells) == bytes(full.cells[: top(full) + 500])
    with pytest.raises(TransportIssueError, match="no contactless interface"):
        put_transport(medical.new_memory(generation=2), ISSUER, options, **more)


# --- beside a bank account ------------------------------------------------------------------------


def test_unlinking_the_bank_leaves_the_transport_application() -> None:
    memory = new_memory(with_bank=True, with_purse=True)
    assert bank_directories(memory)
    assert remove_bank(memory)
    assert not bank_directories(memory)
    card = Card(memory)
    card.power_on()
    one = Exchange(card.transmit)
    body = one.ok("00A404000E325041592E5359532E444446303100").hex().upper()
    assert body.endswith("61174F08A00000063201010550084D4F545F545F4550870102")
    assert body.count("61174F") == 1
    assert one.sw("00A4040008A00000033301010100") == 0x6A82
    one.ok(SELECT)
    assert not remove_bank(memory)


# --- what people see ------------------------------------------------------------------------------


def test_inspection() -> None:
    card = issue(balance_fen=500, overdraft_limit_fen=100, on_contacts=True, aid_suffix="AA")
    directories = inspect_card(card).directories
    (found,) = [one for one in directories if one.transit]
    assert (found.fid, found.name) == ("1005", "交通联合")
    assert found.df_name == "A000000632010105AA"
    assert found.purse is not None
    assert found.purse.deposit is None
    assert found.purse.log == ()
    assert (found.purse.purse.balance_fen, found.purse.purse.limit_fen) == (600, 100)
    assert found.transit is not None
    assert found.transit.names == ("A000000632010105AA", "A000000632010106AA")
    assert found.transit.on_contacts
    assert [one.identifier for one in found.transit.journeys] == ["2701"]
    assert found.transit.journeys[0].status == "none"
    assert found.transit.trips == ()
    assert {key.name for key in found.keys} == {
        f"TRANSIT_{n}" for n in ("DLK", "DPK", "DTK", "DAMK", "DIAK", "DEAK")
    }


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(line: str, code: int = 0) -> str:
        assert main(line.split()) == code, line
        out, err = capsys.readouterr()
        return out + err

    run("keys create roots.json")
    run("keys create transport.json --transport")
    assert "two stores" in run("keys create both.json --transport --bank", 2)
    shown = json.loads(run("keys show transport.json --json"))["keys"]
    assert len(shown) == 12
    document = bank.HOLDER | {"transport": {"balance_fen": 5000}}
    Path("holder.json").write_text(json.dumps(document), encoding="utf-8")
    Path("plain.json").write_text(json.dumps(bank.HOLDER), encoding="utf-8")
    line = "issue --generation 3 --keys roots.json --holder"
    assert "needs the transport issuer's" in run(f"{line} holder.json --out a.ssc", 2)
    refused = run(f"{line} plain.json --out a.ssc --transport-keys transport.json", 2)
    assert "the holder file has no transport application" in refused
    run(f"{line} holder.json --out a.ssc --transport-keys transport.json")
    shown_card = run("info a.ssc")
    for text in ("交通联合", "50.00", "A000000632010105, A000000632010106", "2701"):
        assert text in shown_card
    assert run(f"apdu a.ssc {SELECT} 805C000204").splitlines()[1] == "00001388 9000"
    assert run(f"apdu a.ssc --interface contact {SELECT}").strip() == "6A82"
    assert run(f"apdu a.ssc --interface contactless {SELECT}").strip().endswith("9000")
    trace = run(f"apdu --trace a.ssc {SELECT} 805C030204 00B201F430 00B201D480")
    for text in ("交通联合 电子钱包", "电子钱包, 自有余额", "001E 交通交易明细", "2701 轨道交通"):
        assert text in trace
