# SPDX-License-Identifier: Apache-2.0
"""The account of a holder file: defaults, and every rule by its name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuance.bank.account import AccountFile, BankAccount, InitialElectronicCash
from issuance.bank.purse import PurseOptions
from issuance.holder import Holder, HolderError
from sscard_chip.standard.documents import find
from sscard_chip.standard.pan import luhn_digit, masked_pan, pan_rule

PAN = "6239990000000012344"
TODAY = date(2026, 7, 1)
PERSON: dict[str, Any] = {
    "social_security_number": "990000200102030012",
    "name": "林知夏",
    "sex": "1",
    "nation": "01",
    "birthplace": "510104",
    "birth_date": "20010203",
    "card_number": "Z00000013",
    "city": "510100",
}


def check_account(value: object) -> list[tuple[str, str]]:
    return [(one.item, one.rule) for one in find(AccountFile, value, TODAY)]


def account(**fields: Any) -> BankAccount:
    value = {"pan": PAN, **fields}
    assert check_account(value) == []
    return BankAccount.from_object(value, card_expiry="20360701")


def test_defaults() -> None:
    own = account()
    assert own == BankAccount(PAN, "20360701")
    assert own.ecash == InitialElectronicCash(0, 100_000, 100_000, 0)
    assert (own.pan_sequence, own.service_code, own.state) == ("00", "220", "active")
    assert (own.variant, own.pdol, own.suite, own.oda) == ("debit", False, None, "none")


def test_everything_given_is_kept() -> None:
    own = account(
        expiry="202802", pan_sequence="07", pin="135790", service_code="201", state="dormant",
        variant="quasi-credit", pdol=True, suite="sm4", oda="sm2",
        ecash={"balance_fen": 5, "limit_fen": 6, "single_limit_fen": 7, "reset_threshold_fen": 1},
        purse={"balance_fen": 3, "deposit_fen": 4},
    )  # fmt: skip
    assert own == BankAccount(
        PAN, "20280229", "07", "135790", "201", "dormant", "quasi-credit", True, "sm4", "sm2",
        InitialElectronicCash(5, 6, 7, 1), PurseOptions(3, 4),
    )  # fmt: skip


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"pan": PAN[:-1] + "5"}, "pan", "the check digit is wrong (Luhn)"),
    ({"pan": "62399"}, "pan", "must be 12 to 19 digits"),
    ({"pan": int(PAN)}, "pan", "must be a text"),
    ({"expiry": "203613"}, "expiry", "must be a month, YYYYMM, or a day, YYYYMMDD"),
    ({"expiry": "20360230"}, "expiry", "must be a month, YYYYMM, or a day, YYYYMMDD"),
    ({"expiry": 203612}, "expiry", "must be a month, YYYYMM, or a day, YYYYMMDD"),
    ({"expiry": "202606"}, "expiry", "is before the issue date of the card"),
    ({"pan_sequence": "1"}, "pan_sequence", "must be 2 digits"),
    ({"pin": "123"}, "pin", "must be 4 to 12 digits, or null for none"),
    ({"pin": 1234}, "pin", "must be 4 to 12 digits, or null for none"),
    ({"service_code": "22"}, "service_code", "must be 3 digits"),
    ({"state": "asleep"}, "state", "must be one of active, dormant"),
    ({"variant": "gold"}, "variant", "must be one of debit, credit, quasi-credit, electronic-cash"),
    ({"pdol": 1}, "pdol", "must be true or false"),
    ({"suite": "des"}, "suite", "must be one of 3des, sm4"),
    ({"oda": "cda"}, "oda", "must be one of none, sda, dda, sm2"),
    ({"ecash": []}, "ecash", "must be an object"),
    ({"ecash": {"balance_fen": -1}}, "ecash balance_fen", "must be a whole number of fen"),
    ({"ecash": {"balance_fen": True}}, "ecash balance_fen", "must be a whole number of fen"),
    ({"ecash": {"balance_fen": 10**10}}, "ecash balance_fen", "must be a whole number of fen"),
    ({"ecash": {"balance_fen": 100_001}}, "ecash balance_fen", "is above limit_fen"),
    ({"ecash": {"limit": 1}}, "ecash limit", "is not a field of it"),
    ({"purse": {"balance_fen": 1 << 32}}, "purse balance_fen", "must be a whole number of fen"),
    ({"cryptogram_version": "18"}, "cryptogram_version", "must be"),
    ({"cryptogram_version": 17}, "cryptogram_version", "must be"),
    ({"enciphered_pin": True, "oda": "dda"}, "enciphered_pin", "needs a pin"),
    ({"enciphered_pin": True, "pin": "1357"}, "enciphered_pin", "needs oda dda"),
    ({"offline_limits": {"lower_count": 256}}, "offline_limits lower_count", "must be a whole"),
    (
        {"offline_limits": {"lower_amount_fen": 2, "upper_amount_fen": 1}},
        "offline_limits lower_amount_fen",
        "is above upper_amount_fen",
    ),
    ({"cvv": "123"}, "cvv", "is not a field of the account"),
    ({PAN: "x"}, "a name", "is not a field of the account"),
]


@pytest.mark.parametrize(("fields", "item", "rule"), BAD)
def test_bad_values(fields: dict[str, Any], item: str, rule: str) -> None:
    ((name, found),) = check_account({"pan": PAN, **fields})
    assert name == item
    assert found.startswith(rule)
    with pytest.raises(HolderError) as caught:
        Holder.from_object(PERSON | {"bank": {"pan": PAN, **fields}}, source="H.json", today=TODAY)
    assert str(caught.value).startswith(f"H.json: bank {item}: {rule}")
    assert PAN[:-1] not in str(caught.value)


def test_the_pan_is_required() -> None:
    assert check_account({}) == [("pan", "is required")]
    assert check_account([]) == [("", "must be an object")]


def test_an_account_expires_with_its_card() -> None:
    holder = Holder.from_object(PERSON | {"bank": {"pan": PAN}}, today=TODAY)
    assert holder.bank is not None
    assert holder.bank.expiry == holder.expiry_date == "20360701"
    assert PAN not in repr(holder.bank)


# --- the number -----------------------------------------------------------------------------------


@given(st.text("0123456789", min_size=11, max_size=18), st.integers(1, 9), st.data())
def test_luhn_finds_every_single_wrong_digit(digits: str, by: int, data: st.DataObject) -> None:
    pan = digits + luhn_digit(digits)
    assert pan_rule(pan) is None
    at = data.draw(st.integers(0, len(pan) - 1))
    wrong = pan[:at] + str((int(pan[at]) + by) % 10) + pan[at + 1 :]
    assert pan_rule(wrong) == "the check digit is wrong (Luhn)"


@given(st.text("0123456789", min_size=12, max_size=19))
def test_a_masked_pan_shows_ten_digits(pan: str) -> None:
    masked = masked_pan(pan)
    assert len(masked) == len(pan)
    assert (masked[:6], masked[-4:]) == (pan[:6], pan[-4:])
    assert set(masked[6:-4]) <= {"*"}


def test_a_short_number_is_not_shown_twice() -> None:
    assert masked_pan("62399") == "62399"
