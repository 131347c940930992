# SPDX-License-Identifier: Apache-2.0
"""Every public error of every module: one base, one family, one line, its own exit code."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from collections import Counter
from types import ModuleType

import pytest

import issuance
import sscard_chip
import sscard_cli
import sscard_driver
import sscard_service
from sscard_chip.profile.model import Format, Item
from sscard_chip.settlement.gateway import HttpAnswer
from sscard_chip.standard import errors
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.status import StatusError
from sscard_cli.errors import explain
from sscard_cli.main import cli, main
from sscard_driver.skf.codes import Sar
from sscard_service import Code

FAMILIES = (
    errors.CardError,
    errors.CardReaderError,
    errors.ExtraMissingError,
    errors.InputError,
    errors.IssuingError,
    errors.KeyStoreError,
    errors.SettlementError,
    errors.TerminalError,
)


def modules() -> list[ModuleType]:
    """Every module of the product but those that run when they are imported."""
    names = [
        one.name
        for package in (sscard_chip, issuance, sscard_service, sscard_cli, sscard_driver)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def public_errors() -> list[type[Exception]]:
    """The error classes by the module that defines them."""
    return [
        one
        for module in modules()
        for name, one in vars(module).items()
        if inspect.isclass(one)
        and issubclass(one, Exception)
        and one.__module__ == module.__name__
        and not name.startswith("_")
    ]


ERRORS = public_errors()
WITH_ARGUMENTS: dict[str, tuple[tuple[object, ...], str]] = {
    "AnsweredError": ((HttpAnswer(405, b""),), "the gateway answers 405"),
    "CardStatusError": ((bytes.fromhex("00B2072C"), 0x6A83), "00B2072C: 6A83, record not found"),
    "DeviatingAnswerError": (("6982", "9000"), "expected 6982, received 9000"),
    "DebitInDoubtError": ((-1, None), "it is not known whether the card has paid"),
    "DocumentError": (("zhang.json", "name", "a line", 3), "zhang.json: line 3: name: a line"),
    "DriverError": ((-1, "a line"), "a line"),
    "LoginRefusedError": (("签名不一致!",), "the gateway answers 401"),
    "ServiceRefusedError": ((Code.LOCKED,), "LOCKED: "),
    "SkfError": ((Sar.PIN_LOCKED,), "SAR_PIN_LOCKED"),
    "ExtraMissingError": (
        ("cakes", "flour", "oven"),
        "pip install '.[oven]' in a clone of sscard-chip",
    ),
    "ItemValueError": ((Item(0x09, "姓名", "name", Format.AN, 30), "a line"), "09 姓名: a line"),
    "LedgerRefusedError": (("a line",), "refused by the ledger: a line"),
    "LedgerRulesError": (("city.db", ["trigger line_open"]), "line_open"),
    "LedgerVersionError": (("city.db", "9"), "city.db"),
    "PartialBasicsError": ((-1, "a line", None), "a line"),
    "PinCancelledError": ((), "PIN entry was cancelled"),
    "PinTimeoutError": ((), "no PIN was typed in time"),
    "SaleRefusedError": (("PIN_WRONG", "a line"), "PIN_WRONG: a line"),
    "StatusError": ((0x6982,), "SW=0x6982 (SECURITY_STATUS_NOT_SATISFIED)"),
    "WrongMacError": ((), "SW=0x6988 (SECURE_MESSAGING_INCORRECT)"),
}
"""What those, and those below them, are raised with that want more than their line, and what the
line has then."""


def test_there_are_many() -> None:
    assert len(ERRORS) >= 100


def test_the_families_are_the_base_s_only_children() -> None:
    assert {one for one in ERRORS if SscardError in one.__bases__} == set(FAMILIES)


def test_no_name_stands_twice() -> None:
    assert [name for name, count in Counter(e.__name__ for e in ERRORS).items() if count > 1] == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: one.__name__)
def test_an_error(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert issubclass(error, SscardError)
    assert len([one for one in FAMILIES if issubclass(error, one)]) == (error is not SscardError)
    assert vars(error)["__doc__"]
    arguments, line = next(
        (WITH_ARGUMENTS[one.__name__] for one in error.__mro__ if one.__name__ in WITH_ARGUMENTS),
        (("a line",), "a line"),
    )
    raised = error(*arguments)
    # Bad input is what callers may catch as ValueError; a lost session is the one that is not.
    bad_input = isinstance(raised, (ValueError, ImportError)) and error.__name__ != (
        "SessionLostError"
    )
    code = 2 if bad_input else 1
    message, found = explain(raised)
    assert (found, line in message, "internal error" in message) == (code, True, False)

    if not isinstance(raised, StatusError):  # which never leaves the card
        again = pickle.loads(pickle.dumps(raised))
        assert (type(again), str(again), vars(again)) == (error, str(raised), vars(raised))

    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(cli, "main", fail)
    assert main(["info", "card.ssc"]) == code
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", f"sscard: error: {message}\n")


@pytest.mark.parametrize("error", [ValueError("135790"), KeyError("135790"), ImportError("x")])
def test_what_is_not_ours_is_an_internal_error_and_quotes_nothing(error: Exception) -> None:
    message, code = explain(error)
    assert message.startswith(f"internal error, {type(error).__name__}")
    assert "135790" not in message
    assert code == 1


def test_old_names_lead_to_the_same_classes() -> None:
    from sscard_chip.security import keystore
    from sscard_chip.settlement import ledger
    from sscard_chip.terminal import pos

    assert keystore.KeyStoreError is errors.KeyStoreError
    assert ledger.LedgerError is errors.LedgerError
    assert issubclass(pos.CentreUnreachableError, pos.CentreError)
