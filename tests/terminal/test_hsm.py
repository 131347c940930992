# SPDX-License-Identifier: Apache-2.0
"""The HSM: published vectors, its requests taken apart, its table of addresses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sscard_chip.security.suite import SUITES
from sscard_chip.terminal.addresses import PUBLISHED, KeyAddressError, KeyAddresses
from sscard_chip.terminal.hsm import CardHsm, Hsm, HsmError

HISTORICAL = "0081310000" + "86845101C0666779"
STK = {"01": "0011223344556677" * 2, "03": "00112233445566778899AABBCCDDEEFF"}
ROOT = bytes(range(16))
DTK = bytes.fromhex("F0E1D2C3B4A5968778695A4B3C2D1E0F")
CARD_KEY = {
    "3des": bytes.fromhex("D62D066CB177A599BDED1570F30CC39A"),
    "sm4": bytes.fromhex("41A597CDDCC7844D31FCDD80D54F2608"),
}


class Store:
    """A store whose diversified keys are given: STK as it is, DTK, and the vectors' card key."""

    def key(self, algorithm: str, name: str) -> bytes:
        if name.startswith("STK"):
            return bytes.fromhex(STK["01" if algorithm == "3des" else "03"])
        return DTK if name == "DTK" else CARD_KEY[algorithm]

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        return [self.key(algorithm, name) for _ in chains]

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        return SUITES[algorithm].encryptor(self.key(algorithm, name))(data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        return SUITES[algorithm].key_mac(self.key(algorithm, name), iv, message)


def card_hsm(first_number: int = 0x12C) -> CardHsm:
    return Hsm(Store(), first_number=first_number).card("510100", HISTORICAL)


PROOFS = {"01": "34EE6369256AE598", "03": "3654EE8C49215375"}


@pytest.mark.parametrize("code", ["01", "03"])
def test_authentication(code: str) -> None:
    request = f"{code}|004C|1122334455667788|0102030405060708|"
    assert card_hsm().authenticate(request) == PROOFS[code] + "0102030405060708"


@pytest.mark.parametrize("code", ["01", "03"])
@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize("terminal", ["", "510100000001|"])
def test_both_authentications_in_one_request(code: str, external: bool, terminal: str) -> None:
    pair = "1122334455667788|0102030405060708|"
    request = f"510100|{HISTORICAL}|{code}|{'51' * 16}|{pair}{pair if external else '||'}{terminal}"
    proof = PROOFS[code] + "0102030405060708"
    assert Hsm(Store()).read_card_bas(request) == f"{proof}|{proof if external else ''}|"


@pytest.mark.parametrize(
    ("code", "header", "pin", "command"),
    [
        ("01", "842400010C", "123456", "842400010C7BC32AF3CACA123A388D7660"),
        ("01", "8424000004", "", "8424000004BA714BF3"),
        ("03", "8424000114", "123456", "84240001148FBAD58EF1E9FD6101FC623C022C198B4C115A38"),
        ("03", "8424000004", "", "842400000476250F91"),
    ],
)
def test_pin_commands(code: str, header: str, pin: str, command: str) -> None:
    request = f"{code}|0173|1122334455667788|{header}|{pin}|"
    assert card_hsm().pin_command(request) == command


DEBITS = {
    "01": ("D319F25A", "B1A0ADFD", "6E692DD3"),
    "03": ("F4E4A0BF", "9B6D3F77", "3F54AD04"),
}
AMOUNTS = "000003E8000001F4"
TAIL = f"{AMOUNTS}|32|330400815985|"


@pytest.mark.parametrize("code", ["01", "03"])
def test_purchase(code: str) -> None:
    mac1, mac2, tac = DEBITS[code]
    hsm = card_hsm()
    request = f"{code}|017F|A1B2C3D4|0005|{TAIL}20151118185001|"
    assert hsm.init_debit(request) == f"0000012C|20151118185001|{mac1}|"
    assert hsm.init_debit(request).startswith("0000012D|")
    result = f"{code}|017F|{TAIL}0000012C|20151118185001"
    assert hsm.check_debit(request, f"{mac2}|{result}|{tac}|")
    assert not hsm.check_debit(request, f"{'0' * 8}|{result}|{tac}|")
    assert not hsm.check_debit(request, f"{mac2}|{result}|{'0' * 8}|")


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ("01|004C|1122334455667788|0102030405060708", "4 fields"),
        ("01|004C|1122334455667788|", "4 fields"),
        ("02|004C|1122334455667788|0102030405060708|", "算法"),
        ("01|FFFF|1122334455667788|0102030405060708|", "no key at this address"),
        ("01|004C|112233445566778|0102030405060708|", "过程因子: must be 16 hex digits"),
        ("01|004C|1122334455667788|010203040506070Z|", "原始信息: must be 16 hex digits"),
    ],
)
def test_broken_authentication_requests(request_: str, rule: str) -> None:
    with pytest.raises(HsmError, match=rule):
        card_hsm().authenticate(request_)


@pytest.mark.parametrize(
    ("header", "pin", "rule"),
    [
        ("8424000114", "123456", "命令头"),
        ("8424000004", "123456", "命令头"),
        ("00A4", "", "命令头"),
        ("842400010C", "123", "PIN: must be 4 to 12 digits"),
        ("842400010C", "12345Z", "PIN: must be 4 to 12 digits"),
    ],
)
def test_broken_pin_requests(header: str, pin: str, rule: str) -> None:
    with pytest.raises(HsmError, match=rule) as error:
        card_hsm().pin_command(f"01|0173|1122334455667788|{header}|{pin}|")
    assert not pin or pin not in str(error.value)


def test_broken_debits_and_cards() -> None:
    good = f"01|017F|A1B2C3D4|0005|{TAIL}20151118185001|"
    for old, new, rule in (
        ("017F", "004C", "密钥地址"),
        ("20151118185001", "2015", "时间"),
        ("0005", "05", "序号"),
        ("|32|", "|2|", "类型"),
    ):
        with pytest.raises(HsmError, match=rule):
            card_hsm().init_debit(good.replace(old, new))
    for division, historical in (("51010", HISTORICAL), ("510100", HISTORICAL[:-2])):
        with pytest.raises(HsmError, match=r"区划|复位信息"):
            Hsm(Store()).card(division, historical)


# --- addresses -----------------------------------------------------------------------------------


def test_published_addresses() -> None:
    table = KeyAddresses()
    for address, (root, version) in PUBLISHED.items():
        assert table.key(address) == (root, version)
        assert table.address(root, version) == address
    names = {"RKSSSE", "RK1DF01", "RK1DF02", "PUK", "UKSSSE", "STKSSSE", "DPK"}
    assert {root for root, _ in PUBLISHED.values()} == names


def test_every_other_key_has_an_address_of_ours() -> None:
    table = KeyAddresses()
    assert table.address("UK1DF01", 3) == "F242"
    assert table.key("F242") == ("UK1DF01", 3)
    with pytest.raises(KeyAddressError, match="none is known of LOCAL, version 1"):
        table.address("LOCAL")


def test_an_issuers_table(tmp_path: Path) -> None:
    path = tmp_path / "hsm.json"
    rows = {"0042": "UK1DF01", "0043": "LOCAL/2", "017F": "DPK/3"}
    path.write_text(json.dumps({"format": "sscard-key-addresses/1", "addresses": rows}))
    table = KeyAddresses.load(path)
    assert table.address("UK1DF01") == "0042"
    assert table.key("0043") == ("LOCAL", 2)
    assert table.key("017F") == ("DPK", 3)
    assert table.key("0090") == ("PUK", 1)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "is not JSON"),
        ("[]", "format: must be sscard-key-addresses/1"),
        ('{"format": "sscard-key-addresses/1"}', "addresses: must be an object"),
        ('{"format": "sscard-key-addresses/1", "addresses": {"42": "UK"}}', "4 capital hex"),
        ('{"format": "sscard-key-addresses/1", "addresses": {"0042": "uk"}}', "NAME or NAME/V"),
        ('{"format": "sscard-key-addresses/1", "addresses": {"0042": 5}}', "NAME or NAME/V"),
    ],
)
def test_broken_tables(text: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "hsm.json"
    path.write_text(text)
    with pytest.raises(KeyAddressError, match=f"hsm.json: .*{rule}"):
        KeyAddresses.load(path)
