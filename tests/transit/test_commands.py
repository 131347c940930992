# SPDX-License-Identifier: Apache-2.0
"""The transport application over plain commands: selection, files, balances, transactions."""

from __future__ import annotations

import random

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from sscard_chip.standard.identifiers import DEBIT_AID
from sscard_chip.terminal.bank.selection import candidates
from sscard_chip.terminal.client import ApduClient
from sscard_chip.terminal.connection import connect_card
from tests.bench.exchange import SUCCESS
from tests.bench.purse import CAPP, EP_BUY, EP_LOAD, TERMINAL
from tests.bench.transit_cards import JOURNEY, TransitTerminal, cache, new_card, new_memory

PPSE = "00A404000E325041592E5359532E444446303100"
SELECT = "00A4040008A00000063201010500"
PSE = "00A404000E315041592E5359532E444446303100"
ENTRY = "61174F08A00000063201010550084D4F545F545F4550870102"
FCI = (
    "6F318408A000000632010105A5259F0801019F0C1E"
    "01015510FFFFFFFF020103104510000000012345202401012034010100 00"
).replace(" ", "")


def terminal(algorithm: str = "3des", **options: object) -> TransitTerminal:
    """A terminal with a powered card, the application selected."""
    one = TransitTerminal(new_card(algorithm, **options).transmit, algorithm)
    one.select()
    return one


# --- selection ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["A0000006320101", "A000000632010105"])
def test_selected_by_name_and_by_a_part_of_it(name: str) -> None:
    one = TransitTerminal(new_card().transmit, "3des")
    assert one.ok(f"00A40400{len(name) // 2:02X}{name}00").hex().upper() == FCI


def test_the_second_name_is_the_same_application() -> None:
    one = terminal(purse=Purse(balance_fen=700))
    cash = "00A4040008A00000063201010600"
    assert one.ok(cash).hex().upper() == FCI.replace("010105A5", "010106A5")
    assert one.ok("805C000204") == bytes.fromhex("000002BC")
    one.do(EP_BUY, 200)
    one.select()
    assert one.ok("805C000204") == bytes.fromhex("000001F4")
    assert len(one.log()) == 10
    # The next name of the partial one, and no third.
    assert one.ok("00A4040007A000000632010100").hex().upper() == FCI
    assert one.ok("00A4040207A000000632010100")[4:12].hex().upper() == "A000000632010106"
    assert one.sw("00A4040207A000000632010100") == 0x6A82


def test_a_local_card_has_bytes_behind_both_names() -> None:
    card = new_card(suffix=bytes.fromhex("5510000000000001"))
    one = TransitTerminal(card.transmit, "3des")
    for last in ("05", "06"):
        fci = one.ok(f"00A4040008A0000006320101{last}00").hex().upper()
        assert fci.startswith(f"6F398410A0000006320101{last}5510000000000001A525")
    assert "4F10A0000006320101055510000000000001" in one.ok(PPSE).hex().upper()


@pytest.mark.parametrize("given", [False, True])
def test_contacts_find_it_only_where_a_switch_says_so(given: bool) -> None:
    memory = new_memory(on_contacts=given)
    for name in ("05", "06"):
        contacts, air = ContactInterface(Card(memory)), ContactlessInterface(Card(memory))
        command = bytes.fromhex(f"00A4040008A0000006320101{name}00")
        contacts.power_on()
        assert contacts.transmit(command)[:1].hex() == ("61" if given else "6a")
        contacts.reset()
        assert contacts.transmit(command)[:1].hex() == ("61" if given else "6a")
        air.power_on()
        assert air.transmit(command)[-2:] == b"\x90\x00"


def test_ppse_has_the_bank_first_and_transport_last() -> None:
    plain = TransitTerminal(new_card().transmit, "3des")
    body = plain.ok(PPSE).hex().upper()
    assert body == f"6F2E840E325041592E5359532E4444463031A51CBF0C19{ENTRY}"
    assert plain.sw(PSE) == 0x6A82
    both = TransitTerminal(new_card(with_bank=True, with_purse=True).transmit, "3des")
    body = both.ok(PPSE).hex().upper()
    assert body.endswith(ENTRY)
    assert body.count("4F08A000000333010101") == 1
    assert body.index("A000000333") < body.index("A000000632")
    assert "A000000632" not in both.ok(PSE).hex().upper()


def test_fids_of_other_cards_leave_it_current() -> None:
    one = terminal(purse=Purse(balance_fen=5))
    for fid in ("1001", "0004", "0005", "0008", "0009", "000A", "DDF1", "DF01"):
        assert one.sw(f"00A4000002{fid}00") == 0x6A82
        assert one.ok("805C000204") == bytes(3) + b"\5"
    assert one.ok("00A40000020018", "00B2010400") == bytes(23)
    one.ok("00A4000000")
    assert one.sw("805C000204") in (0x6E00, 0x6D00)


# --- files ----------------------------------------------------------------------------------------


def test_files_as_readers_want_them() -> None:
    one = terminal()
    assert one.ok("00B095001E").hex().upper() == FCI[-60:]
    assert one.ok("00B0960037") == bytes(55)
    assert (
        one.ok("00B097003C").hex()
        == "0000015655105510000101".replace("5510", "5500", 1) + "00" * 49
    )
    assert one.ok("00B097000B").hex() == "0000015655005510000101"
    for le in ("00", "17"):
        assert [one.ok(f"00B2{n:02X}C4{le}") for n in range(1, 11)] == [bytes(23)] * 10
    for le in ("00", "30"):
        assert [one.ok(f"00B2{n:02X}F4{le}") for n in range(1, 31)] == [bytes(48)] * 30
    assert one.sw("00B20BC400") == one.sw("00B21FF400") == 0x6A83
    assert one.ok("00B201C500") == bytes(230)
    assert one.ok("00B201D480") == one.ok("00B201D000") == one.ok("00B201D400") == JOURNEY
    assert one.ok("00B201CC00") == one.ok("00B2AAC800") == b"\xaa\x29" + bytes(41)
    for sfi in (0x18, 0x19, 0x1A, 0x1E):
        assert one.sw(bytes((0x00, 0xB0, 0x80 | sfi, 0, 0))) == 0x6981
    for sfi in (0x00, 0x05, 0x06, 0x07, 0x10, 0x11, 0x14, 0x1F):
        assert one.sw(bytes((0x00, 0xB0, 0x80 | sfi, 0, 0))) == 0x6A82
    fresh = terminal()
    assert fresh.sw("00B2010400") == 0x6986


def test_logs_may_start_empty() -> None:
    one = terminal(full_logs=False)
    assert one.sw("00B201C417") == one.sw("00B201F430") == 0x6A83
    one.ok(one.init_command(EP_LOAD, 100))
    one.do(EP_LOAD, 100)
    assert len(one.log()) == 1


def test_log_records_come_before_the_empty_ones() -> None:
    one = terminal()
    one.do(EP_LOAD, 0x1234)
    newest = "0000 000000 00001234 02 112233445566 20240315101112".replace(" ", "")
    assert one.ok("00B201C417").hex() == newest
    assert one.ok("00B202C417") == bytes(23)
    assert len(one.log()) == 10


@pytest.mark.parametrize("header", ["00DC01F4", "00DC00F0", "00DC01D4", "00D69500", "00DC01C4"])
def test_files_are_not_updated_without_mac(header: str) -> None:
    one = terminal()
    data = JOURNEY if "D4" in header else bytes(48) if "F" in header else bytes(23)
    assert one.sw(bytes.fromhex(header) + bytes((len(data),)) + data) in (0x6987, 0x6982)


def test_the_issuer_updates_a_journey_by_its_identifier() -> None:
    one = terminal()
    record = JOURNEY[:6] + b"\x77" * 122
    assert one.sw(one.secured("04DC01D0", record)) == SUCCESS
    assert one.ok("00B201D480") == record
    assert one.sw(one.secured("04DC12D0", record)) == 0x6A80  # another identifier
    assert one.sw(one.secured("04DC01D4", b"\x27\x12" + record[2:])) == 0x6A80
    assert one.sw(one.secured("04DC01D4", record[:2] + b"\x7c" + record[3:])) == 0x6A85
    assert one.ok("00B201D480") == record


# --- balances -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "limit", "shown"),
    [
        (0, 0, [0, 0, 0, 0]),
        (700, 0, [700, 0, 0, 700]),
        (1_700, 1_000, [1_700, 1_000, 0, 700]),
        (1_000, 1_000, [1_000, 1_000, 0, 0]),
        (400, 1_000, [400, 1_000, 600, 0]),
        (0, 1_000, [0, 1_000, 1_000, 0]),
    ],
)
def test_four_balances(balance: int, limit: int, shown: list[int]) -> None:
    one = terminal(purse=Purse(balance_fen=balance, limit_fen=limit))
    assert one.balances() == shown
    # What gates count with: the first four bytes of INITIALIZE less the overdraft limit.
    answer = one.ok(one.init_command(CAPP, 0))
    given = int.from_bytes(answer[:4]) - int.from_bytes(answer[6:9])
    assert given == shown[3] - shown[2]


@pytest.mark.parametrize("command", ["805C000104", "805C040204", "805CFF0204", "805C000304"])
def test_other_balances_are_refused(command: str) -> None:
    assert terminal().sw(command) == 0x6A86


# --- transactions ---------------------------------------------------------------------------------


def test_no_pin_and_no_deposit() -> None:
    one = terminal()
    assert one.sw("0020000003123456") == 0x6D00
    for p1, p2 in ((0, 1), (1, 1), (2, 1), (4, 1), (5, 1)):
        assert one.sw(bytes((0x80, 0x50, p1, p2, 11, 1)) + bytes(4) + TERMINAL) == 0x6A86
    # A reader that wants no more than the number of loads.
    assert one.ok("805000020B010000000100000000000010")[4:6] == bytes(2)
    assert one.sw("805000020B020000000100000000000010") == 0x9403


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_load_purchase_compound(algorithm: str) -> None:
    one = terminal(algorithm)
    one.do(EP_LOAD, 1_000)
    one.do(EP_BUY, 300)
    one.ok(one.init_command(CAPP, 0))
    opened = one.init(CAPP, 200)
    entry = JOURNEY[:14] + b"\x01" + bytes(113)
    trip = b"\x03" + bytes(47)
    one.ok(cache(entry, 0x01, 0x1A))
    one.ok(cache(trip, 0x00, 0x1E))
    assert one.sw(cache(bytes(47), 0x00, 0x1E)) == 0x6700
    opened = one.init(CAPP, 200)  # a refusal has ended it, and nothing is written
    one.ok(cache(entry, 0x01, 0x1A), cache(b"\xaa\x29" + b"\x05" * 41, 0xAA, 0x19))
    one.ok(cache(trip, 0x00, 0x1E))
    one.complete(opened)
    assert one.balances() == [500, 0, 0, 500]
    assert one.ok("00B201D480") == entry
    assert one.ok("00B2AAC800") == b"\xaa\x29" + b"\x05" * 41
    assert one.ok("00B201F430") == trip
    assert one.ok("00B202F430") == bytes(48)
    assert one.log()[0][9] == CAPP


def test_nothing_is_written_before_the_debit() -> None:
    one = terminal(purse=Purse(balance_fen=500))
    before = one.ok("00B201D480"), one.ok("00B201F430"), one.balances(), one.log()
    opened = one.init(CAPP, 100)
    one.ok(
        cache(JOURNEY[:14] + b"\x01" + bytes(113), 0x01, 0x1A), cache(b"\x03" + bytes(47), 0, 0x1E)
    )
    command = one.completion(opened)[0]
    assert one.sw(command[:-1] + bytes((command[-1] ^ 1,))) == 0x9302
    after = one.ok("00B201D480"), one.ok("00B201F430"), one.balances(), one.log()
    assert after == before
    opened = one.init(CAPP, 100)
    one.ok(cache(b"\x03" + bytes(47), 0, 0x1E))
    one.ok("805C000204")  # anything else between drops it
    assert one.sw(one.completion(opened)[0]) == 0x6985
    assert (one.ok("00B201D480"), one.ok("00B201F430"), one.balances(), one.log()) == before


def test_the_log_is_no_record_of_a_compound_transaction() -> None:
    one = terminal()
    one.init(CAPP, 0)
    assert one.sw(cache(bytes(23), 0, 0x18)) == 0x6982


@pytest.mark.parametrize("amount", [0, 100])
def test_the_proof_survives_all_but_the_next_transaction(amount: int) -> None:
    card = new_card(purse=Purse(balance_fen=500, offline_number=9))
    one = TransitTerminal(card.transmit, "3des")
    one.select()
    opened = one.init(CAPP, amount)
    one.ok(cache(b"\x03" + bytes(47), 0, 0x1E))
    answer = one.complete(opened)
    proof = answer[4:] + answer[:4]  # MAC2, TAC
    for _ in range(2):
        assert one.ok("805A000902000A") == proof
        assert one.sw("805A0009020009") == one.sw("805A000902000B") == 0x9406
        assert one.sw("805A000602000A") == 0x9406
        assert one.init(CAPP, 0).number == 10  # what the next INITIALIZE answers
        assert one.ok("805A000902000A") == proof
        one.ok("00A4000000")
        one.select()
        one.ok("00B201F430")
        one.ok("00A4040008A00000063201010600")
        assert one.ok("805A000902000A") == proof
        card.reset()
        one.select()
    one.do(EP_LOAD, 1)
    assert one.sw("805A000902000A") == 0x9406


def test_lock() -> None:
    one = terminal(purse=Purse(balance_fen=500))
    opened = one.init(CAPP, 0)
    one.ok(cache(b"\x12" + bytes(47), 0, 0x1E))
    one.complete(opened)
    assert one.sw(one.secured("841E0000", wrong=True)) == 0x6988
    assert one.sw(one.secured("841E0000")) == SUCCESS
    for name in ("05", "06"):
        answer = one.send(f"00A4040008A0000006320101{name}00")
        assert answer.sw == 0x6283
        assert answer.body[4:12].hex().upper() == f"A0000006320101{name}"
        for command in (
            "805C000204",
            "00B095001E",
            "00B201F430",
            "805003020B0100000000112233445566",
        ):
            assert one.sw(command) == 0x6A81
    assert one.sw(one.secured("84180000")) == SUCCESS
    assert one.balances()[0] == 500
    assert one.ok("00B201F430") == b"\x12" + bytes(47)


# --- the wall -------------------------------------------------------------------------------------


def test_other_applications_give_it_nothing_and_get_nothing() -> None:
    card = new_card(with_bank=True, with_purse=True, purse=Purse(balance_fen=500))
    one = TransitTerminal(card.transmit, "3des")
    # A right of the transport application is none of the purse's, which has a key 01 too.
    one.select()
    assert one.authenticate() == SUCCESS
    challenge = one.challenge(8)
    purse = "00A4040009A0000000038698070100"
    one.ok(purse)
    assert one.sw(one.secured("04D69600", bytes(55))) in (0x6982, 0x6988)
    assert one.sw("805C030204") == 0x6A86  # the purse has no such balance
    assert one.ok("805C000204") == bytes(4)  # and money of its own
    one.select()
    assert one.sw(b"\x00\x82\x00\x01\x08" + challenge) == 0x6984  # the challenge went with it
    # A pending transaction ends at the door.
    opened = one.init(CAPP, 100)
    one.ok(cache(b"\x03" + bytes(47), 0, 0x1E))
    one.ok(purse)
    assert one.sw(one.completion(opened)[0]) == 0x6985
    one.select()
    assert one.sw(one.completion(opened)[0]) == 0x6985
    assert one.balances()[0] == 500
    # The PIN of the social security part opens nothing here, and the log needs none.
    one.ok("00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")
    assert one.sw("0020000003123456") == SUCCESS
    one.select()
    assert len(one.log()) == 10
    one.ok("00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")
    assert one.sw("00B201C417") in (0x6A82, 0x6982)


def test_a_locked_application_locks_no_other() -> None:
    one = TransitTerminal(new_card(with_bank=True, with_purse=True).transmit, "3des")
    one.select()
    assert one.sw(one.secured("841E0001")) == SUCCESS
    assert one.sw("00A4040008A00000063201010500") == 0x9303
    assert one.sw("00A4040008A00000063201010600") == 0x9303
    one.ok("00A4040009A0000000038698070100", "805C000204")
    one.ok("00A4040008A00000033301010100")
    one.ok("00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")


def test_the_bank_terminal_pays_from_the_bank_application() -> None:
    connection = connect_card(new_card(with_bank=True, with_purse=True), contactless=True)
    connection.power_on()
    found = candidates(ApduClient(connection), (DEBIT_AID,), contactless=True)
    assert [one.aid for one in found] == [DEBIT_AID]


# --- any bytes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_command_is_a_fault_of_the_card(seed: int) -> None:
    """6F00 is for GET RESPONSE alone; money only moves with a right MAC."""
    drawn = random.Random(seed)
    card = new_card(purse=Purse(balance_fen=500))
    one = TransitTerminal(card.transmit, "3des")
    codes = "0084 0088 0082 00B0 00B2 00D6 04DC 00DC 8050 8052 8054 8058 805A 805C 805E 80DC 84DC"
    heads = [bytes.fromhex(code) for code in f"{codes} 841E 8418 00A4".split()]
    for _ in range(1_000):
        one.transmit(bytes.fromhex(SELECT))
        for _ in range(drawn.randrange(1, 4)):
            p1 = drawn.choice((0, 1, 2, 3, 4, drawn.randrange(256)))
            p2 = drawn.choice((0, 1, 2, 4, 0xC4, 0xD0, 0xF0, drawn.randrange(256)))
            header = drawn.choice(heads) + bytes((p1, p2))
            length = drawn.choice((0, 2, 7, 11, 15, 48, 128, drawn.randrange(256)))
            tail = bytes((length,)) + drawn.randbytes(length) if length else b"\0"
            answer = one.transmit(header + tail)
            assert answer[-2:] != b"\x6f\x00", header.hex()
    one.select()
    assert one.balances() == [500, 0, 0, 500]
