# SPDX-License-Identifier: Apache-2.0
"""Files, SELECT, INITIALIZE ENVIRONMENT and the rights of the three levels."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.filesystem.layout import KIND_AT
from sscard_chip.memory import CardImageError, create_image
from sscard_chip.standard.commands import GET_CHALLENGE, READ_BINARY, UPDATE_BINARY
from sscard_chip.standard.identifiers import PSAM_AID, SX1_NAME, SX2_NAME, SX3_NAME
from tests.bench.sam import ACCESS, ALGORITHMS, FACTORS, IRK, ROOT, SELECT_DF01, SERVED, Sam, make

SELECT_SX1 = "00A404000F" + SX1_NAME.hex()
SELECT_SX3 = "00A404000F" + SX3_NAME.hex()


@pytest.fixture
def both() -> Sam:
    """A PSAM with both environments, standing at the MF."""
    sam = Sam(memory=make(ALGORITHMS, SERVED))
    sam.card.reset()
    return sam


def test_environment_gives_the_fci_of_a_card(both: Sam) -> None:
    for name, select in ((SX1_NAME, SELECT_SX1), (SX3_NAME, SELECT_SX3)):
        assert both.ok(select).hex() == "6f16840f" + name.hex() + "a503880101"
        assert both.ok(SELECT_DF01).hex() == "6f088406" + PSAM_AID.hex()


def test_application_is_that_of_the_current_environment(both: Sam) -> None:
    both.ok(SELECT_DF01)  # right after reset: the DES one
    assert both.sw("00840000 10") == 0x6700
    for select, long in ((SELECT_SX3, 0x9000), (SELECT_SX1, 0x6700)):
        for application in (SELECT_DF01, "00A4000002DF01", "00A4040005D156000005"):
            both.ok(select)
            both.ok(application)
            assert both.send("0084000010").sw == long


def test_environment_is_entered_by_fid_from_anywhere(both: Sam) -> None:
    both.ok(SELECT_DF01)
    both.ok("00A4000002DDF2")
    assert both.send("0084000010").sw == 0x9000
    both.ok("00A4000002DF01")
    both.ok("00A40000023F00")
    assert both.send("0084000010").sw == 0x6700
    assert both.ok("00A40000")[:2] == b"\x6f\x16"


def test_single_environments() -> None:
    des = Sam("3des")
    assert des.sw(SELECT_SX3) == 0x6A82
    assert des.sw("00A404000F" + SX2_NAME.hex()) == 0x6A82
    sm4 = Sam("sm4")
    sm4.ok(SELECT_SX1)  # the MF is always there, with its files and without keys
    sm4.ok(SELECT_DF01)
    assert sm4.ok("00B0990004") == bytes.fromhex("0000012C")
    assert sm4.sw(bytes.fromhex("BFDE670820" + FACTORS + "1122334455667788")) == 0x6A88
    assert sm4.authenticate(1, bytes(16)) == 0x6A88


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00A4010002DF01", 0x6A86),
        ("00A40300", 0x6A86),
        ("00A4000102DF01", 0x6A86),
        ("00A4000201DF01", 0x6A86),
        ("00A4000001DF", 0x6700),
        ("00A4020000", 0x6700),
        ("00A4040004D1560000", 0x6700),
        ("00A404001100112233445566778899AABBCCDDEEFF00", 0x6700),
        ("00A4000002DF02", 0x6A82),
        ("00A40000020019", 0x6A82),  # an EF by the P1 of a DF
        ("00A40200020011", 0x6A82),  # key files cannot be selected
        ("00A4020002EF05", 0x6A82),
        ("00A4040006D15600000591", 0x6A82),
    ],
)
def test_select_refuses(command: str, sw: int) -> None:
    assert Sam().sw(command) == sw


def test_next_by_partial_name(both: Sam) -> None:
    both.ok("00A4040005D156000005")
    assert both.ok("00A4040205D156000005")[2:] == b"\x84\x06" + PSAM_AID
    assert both.send("0084000010").sw == 0x9000  # that was the DF01 of sx3
    assert both.sw("00A4040205D156000005") == 0x6A82


def test_free_files_at_the_mf(both: Sam) -> None:
    """As programs read them right after reset: by SELECT and by SFI."""
    assert both.ok("00A40200020016") == b""
    assert both.ok("00B0000006").hex() == "330400815985"
    assert both.ok("00B0960006").hex() == "330400815985"
    assert len(both.ok("00B095010A")) == 10
    assert len(both.ok("00B0950000")) == 15
    entry = "4f06" + PSAM_AID.hex() + "500c" + "社会保障应用".encode("gbk").hex()
    assert both.ok("00B2010C00").hex() == f"61{len(entry) // 2:02x}{entry}"
    assert both.ok("00B2020C00").hex() == "61114f0f" + SX3_NAME.hex()
    assert both.sw("00B2030C00") == 0x6A83


def test_each_environment_has_its_own_numbers(both: Sam) -> None:
    both.ok(SELECT_DF01)
    assert both.init_purchase().sw == 0x9000
    assert both.ok("00B0990004").hex() == "0000012d"
    both.ok(SELECT_SX3)
    both.ok(SELECT_DF01)
    assert both.ok("00B0990004").hex() == "0000012c"


@pytest.mark.parametrize("file", ["95", "96", "99"])
def test_nobody_writes_issuing_data(file: str) -> None:
    sam = Sam()
    for kid in (1, 2, 3):
        assert sam.authenticate(kid) == 0x9000
    if file != "99":
        sam.ok(SELECT_SX1)
    assert sam.sw(f"00D6{file}000100") == 0x6982


# --- INITIALIZE ENVIRONMENT -----------------------------------------------------------------------


def test_initialize_environment(both: Sam) -> None:
    both.ok(SELECT_SX3)
    both.ok(SELECT_DF01)
    assert both.sw("BFEC00000151") == 0x9000
    both.ok(SELECT_DF01)
    assert both.sw("0084000010") == 0x6700  # DES again
    assert both.sw("BFEC00000111") == 0x6985  # Beijing: SSF33, which no image has
    assert both.sw("BFEC0000015A") == 0x6A80
    assert both.sw("BFEC0000025151") == 0x6700
    assert both.sw("BFEC00010151") == 0x6A86


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kid", [1, 2, 3])
def test_a_level_writes_its_own_information(algorithm: str, kid: int) -> None:
    sam = Sam(algorithm)
    content = bytes.fromhex("02032025010120350101")
    files = {number: UPDATE_BINARY.apdu(0x99 + number, data=content) for number in (1, 2, 3)}
    assert {sam.sw(command) for command in files.values()} == {0x6982}
    assert sam.authenticate(kid) == 0x9000
    for number, command in files.items():
        assert sam.sw(command) == (0x9000 if number == kid else 0x6982)
    assert sam.ok(READ_BINARY.apdu(0x99 + kid, le=10)) == content
    sam.enter()
    assert sam.sw(files[kid]) == 0x6982  # the right went with the DF


def test_external_authentication_in_order() -> None:
    sam = Sam()
    good = sam.authentication(1, sam.known_challenge())
    sam.ok(SELECT_SX1)
    assert sam.sw(good) == 0x6985  # no current application
    sam.ok(SELECT_DF01)
    assert sam.sw(good) == 0x6984
    assert sam.sw(b"\x00\x82\x01" + good[3:]) == 0x6A86
    assert sam.sw("00820001080102030405060708") == 0x6700
    challenge = sam.known_challenge()
    assert sam.sw(sam.authentication(4, challenge)) == 0x6A88
    assert sam.sw(good) == 0x6984  # the challenge went with the failure
    sam.known_challenge()
    assert sam.sw(sam.authentication(8, challenge)) == 0x6982  # IRK is no access key
    sam.known_challenge()
    assert sam.sw(good[:4] + b"\x11" + good[5:] + b"\x02") == 0x6A88  # there is no version 2
    sam.known_challenge()
    assert sam.sw(good[:4] + b"\x11" + good[5:] + b"\x01") == 0x9000
    assert sam.sw(good) == 0x6984  # and with success


def test_access_key_is_locked_after_three_failures() -> None:
    sam = Sam()
    assert [sam.authenticate(1, ROOT) for _ in range(2)] == [0x63C2, 0x63C1]
    assert sam.authenticate(1) == 0x9000  # and the count is full again
    assert [sam.authenticate(1, ROOT) for _ in range(3)] == [0x63C2, 0x63C1, 0x63C0]
    assert sam.authenticate(1) == 0x6983
    sam.power_on()
    assert sam.authenticate(1) == 0x6983
    assert sam.sw(sam.authentication(1, b"\0" * 4)) == 0x6984  # no challenge is said first
    assert sam.authenticate(2, ACCESS) == 0x9000


@pytest.mark.parametrize(
    ("algorithm", "length", "sw"),
    [
        ("3des", 4, 0x9000),
        ("3des", 8, 0x9000),
        ("3des", 16, 0x6700),
        ("sm4", 4, 0x9000),
        ("sm4", 8, 0x9000),
        ("sm4", 16, 0x9000),
        ("sm4", 12, 0x6700),
        ("3des", 0, 0x6700),
    ],
)
def test_challenge_lengths(algorithm: str, length: int, sw: int) -> None:
    answer = Sam(algorithm).send(GET_CHALLENGE.apdu(le=length))
    assert answer.sw == sw
    assert len(answer.body) == (length if sw == 0x9000 else 0)
    assert Sam(algorithm).sw(GET_CHALLENGE.apdu(p2=1, le=length)) == 0x6A86


def test_only_its_own_instructions() -> None:
    sam = Sam()
    assert sam.sw("0020000003123456") == 0x6D00
    assert sam.sw("00880000100102030405060708" + "00" * 8) == 0x6D00
    assert sam.sw("B028010113" + "00" * 19) == 0x6E00
    assert sam.sw("00FA000008" + "00" * 8) == 0x6E00


def test_unknown_kind_of_card_is_refused(tmp_path: Path) -> None:
    memory = make(("3des",), {IRK: ROOT})
    memory.cells[KIND_AT] = 9
    with pytest.raises(CardImageError, match=r"^a kind of card"):
        Card(memory)
    path = tmp_path / "card.ssc"
    path.write_bytes(create_image(memory))
    for _ in range(2):  # the second time the file is not locked by the first
        with pytest.raises(CardImageError, match=r"card\.ssc: a kind of card"):
            Card.open(path)
