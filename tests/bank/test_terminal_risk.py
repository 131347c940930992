# SPDX-License-Identifier: Apache-2.0
"""What the terminal checks by itself: restrictions, risk, cardholder, certificates."""

from __future__ import annotations

import pytest

from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.authentication import authenticate_card_data
from sscard_chip.terminal.bank.cardholder import verify_cardholder
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.results import Tvr
from sscard_chip.terminal.bank.risk import check_restrictions, first_request, manage_risk
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_chip.terminal.bank.tlv import tlv
from tests.bank.bank import NOON
from tests.bank.fake_card import (
    ok,
    transaction,
)

# --- restrictions and risk ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "country", "served"),
    [
        ("FF00", "0156", True),
        ("0100", "0156", False),  # no goods, no services
        ("FE00", "0156", False),  # ATMs alone
        ("2100", "0156", True),
        ("2100", "0392", False),  # domestic alone, and this is abroad
        ("1100", "0392", True),
    ],
)
def test_usage_control(usage: str, country: str, served: bool) -> None:
    own = transaction(
        t5F24=bytes.fromhex("361231"), t9F07=bytes.fromhex(usage), t5F28=bytes.fromhex(country)
    )
    check_restrictions(own)
    assert (Tvr.SERVICE_NOT_ALLOWED not in own.tvr) == served


@pytest.mark.parametrize(
    ("atc", "last", "bits"),
    [
        (5, 4, Tvr(0)),
        (8, 4, Tvr.LOWER_LIMIT_EXCEEDED),
        (15, 4, Tvr.LOWER_LIMIT_EXCEEDED | Tvr.UPPER_LIMIT_EXCEEDED),
        (1, 0, Tvr.NEW_CARD),
    ],
)
def test_transactions_in_a_row(atc: int, last: int, bits: Tvr) -> None:
    counters = {
        "80CA9F36": ok(tlv(0x9F36, atc.to_bytes(2))),
        "80CA9F13": ok(tlv(0x9F13, last.to_bytes(2))),
    }
    own = transaction(counters, t82=b"\x08\x00", t9F14=b"\x03", t9F23=b"\x0a")
    manage_risk(own)
    assert own.tvr & ~Tvr.FLOOR_LIMIT_EXCEEDED == bits


def test_counters_that_the_card_does_not_give() -> None:
    own = transaction(t82=b"\x08\x00", t9F14=b"\x03", t9F23=b"\x0a")
    manage_risk(own)
    assert Tvr.LOWER_LIMIT_EXCEEDED | Tvr.UPPER_LIMIT_EXCEEDED in own.tvr


@pytest.mark.parametrize(
    ("tvr", "online", "asked"),
    [
        (Tvr(0), True, CryptogramType.TC),
        (Tvr.FLOOR_LIMIT_EXCEEDED, True, CryptogramType.ARQC),
        (Tvr.FLOOR_LIMIT_EXCEEDED, False, CryptogramType.AAC),
        (Tvr.LOWER_LIMIT_EXCEEDED, False, CryptogramType.TC),
        (Tvr.EXPIRED, False, CryptogramType.AAC),
        (Tvr.SERVICE_NOT_ALLOWED, True, CryptogramType.AAC),
    ],
)
def test_what_the_terminal_asks_for(tvr: Tvr, online: bool, asked: CryptogramType) -> None:
    own = transaction(t9F0D=bytes.fromhex("0040000000"), t9F0E=bytes(5), t9F0F=bytes(5))
    own.tvr = tvr
    assert first_request(own, online=online) is asked


def test_a_card_without_action_codes_goes_online_for_anything() -> None:
    own = transaction()
    own.tvr = Tvr.NEW_CARD
    assert first_request(own, online=True) is CryptogramType.ARQC
    assert first_request(own, online=False) is CryptogramType.AAC


# --- cardholder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "result", "bits"),
    [
        ("1F00", "1f0002", Tvr(0)),
        ("1E00", "1e0000", Tvr(0)),
        ("4203 1E00", "1e0000", Tvr(0)),  # on-line PIN: not at this terminal
        ("0200 1F00", "020001", Tvr.CARDHOLDER_NOT_VERIFIED),
        ("3F00", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED | Tvr.UNKNOWN_CVM),
        ("0000", "000001", Tvr.CARDHOLDER_NOT_VERIFIED),
        ("1F06", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED),  # under X, which is 0
        ("1F07", "1f0702", Tvr(0)),
        ("1F01", "3f0001", Tvr.CARDHOLDER_NOT_VERIFIED),  # cash
        ("4103 1E00", "1e0000", Tvr.NO_PIN_PAD),
    ],
)
def test_the_cvm_list(rules: str, result: str, bits: Tvr) -> None:
    own = transaction(t82=b"\x10\x00", t8E=bytes(8) + bytes.fromhex(rules))
    verify_cardholder(own, None)
    assert own.data[0x9F34].hex() == result
    assert own.tvr == bits


def test_no_list_and_no_wish() -> None:
    own = transaction(t82=b"\x00\x00")
    verify_cardholder(own, None)
    assert own.data[0x9F34].hex() == "3f0000"
    own = transaction(t82=b"\x10\x00")
    verify_cardholder(own, None)
    assert own.tvr == Tvr.DATA_MISSING
    with pytest.raises(CardDataError, match="8E: has another length"):
        verify_cardholder(transaction(t82=b"\x10\x00", t8E=bytes(9)), None)


@pytest.mark.parametrize(
    ("aip", "bit"), [("4000", Tvr.SDA_FAILED | Tvr.SDA_SELECTED), ("2000", Tvr.DDA_FAILED)]
)
def test_certificates_that_are_missing(aip: str, bit: Tvr) -> None:
    own = transaction(t82=bytes.fromhex(aip))
    authenticate_card_data(own)
    assert own.tvr == bit


def test_amounts() -> None:
    with pytest.raises(ValueError, match="amount: must be 0 to 999999999999 fen"):
        BankPurchase(-1, NOON)
    assert TerminalProfile().random(4) != TerminalProfile().random(4)
