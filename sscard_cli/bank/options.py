# SPDX-License-Identifier: Apache-2.0
"""What the commands of the bank share: options, the bank's keys, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import click

from issuance.bank.account import BankAccount
from issuance.bank.authority import BankAuthority
from issuance.bank.personalise import Bank
from issuance.holder import VALID_YEARS, HolderError
from issuance.stores import open_store
from sscard_chip import Card
from sscard_chip.standard.dates import written_day, years_after
from sscard_chip.standard.pan import masked_pan
from sscard_chip.terminal.bank.results import PaymentOutcome
from sscard_chip.terminal.connection import Connection, connect_card
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_cli.options import FILE, _Function, file_option, reader_option, together
from sscard_cli.stores import STORE, STORE_METAVAR, passphrase_source

BANK_PASSPHRASE_VARIABLE: Final = "SSCARD_BANK_PASSPHRASE"
FEN: Final = click.IntRange(0, 999_999_999_999)

bank_passphrase_option: Final = click.option(
    "--bank-passphrase-file",
    metavar="FILE",
    type=FILE,
    help="Has the passphrase of the bank's store, or the PIN of its token, in its first line;"
    f" else {BANK_PASSPHRASE_VARIABLE}, else a prompt.  Example: --bank-passphrase-file /run/bank",
)
authority_option: Final = file_option(
    "--bank-authority",
    "authority_path",
    "CA.json",
    "The bank's certificates, see sscard bank authority.  Example: --bank-authority ca.json",
)


def bank_options(
    *, required: bool = True, authority: bool = True
) -> Callable[[_Function], _Function]:
    """``--bank-keys`` with its passphrase, and ``--bank-authority`` where it has a use."""
    keys = click.option(
        "--bank-keys",
        "bank_roots",
        required=required,
        type=STORE,
        metavar=STORE_METAVAR,
        help="The bank's root keys: a file or a token, see sscard keys create --bank."
        "  Example: --bank-keys bank.json",
    )
    return together(keys, bank_passphrase_option, *([authority_option] if authority else []))


def _somebody(_context: click.Context, _parameter: click.Parameter, who: str | None) -> str | None:
    if who is not None and not who.strip():
        raise click.BadParameter("must not be empty")
    return who


def ledger_options(*, required: bool = True) -> Callable[[_Function], _Function]:
    """``--ledger`` and ``--operator``."""
    ledger = file_option(
        "--ledger",
        "ledger_path",
        "LEDGER.jsonl",
        "The ledger of the link; begun if it is not there.  Example: --ledger ledger.jsonl",
        required=required,
    )
    operator = click.option(
        "--operator",
        required=required,
        callback=_somebody,
        metavar="WHO",
        help="The clerk that the ledger names.  Example: --operator 0012",
    )
    return together(ledger, operator)


reader_options: Final = together(
    click.argument("card_path", metavar="[CARD.ssc]", required=False, type=FILE),
    reader_option(
        "PC/SC reader with the card, by its name or part of it, in place of CARD.ssc.",
        "'PCD 00 00'",
    ),
)
"""``CARD.ssc`` or ``--reader``, for :func:`connected`."""


@contextmanager
def connected(
    card_path: Path | None, reader: str | None, *, contactless: bool = False
) -> Iterator[Connection]:
    """The card of the options; in a reader the interface is the reader's."""
    if (card_path is None) == (reader is None):
        raise click.UsageError("one of CARD.ssc and --reader")
    if card_path is not None:
        with Card.open(card_path) as card:
            yield connect_card(card, contactless=contactless)
        return
    with PcscConnection(reader or "") as connection:
        yield connection


@contextmanager
def open_bank(
    roots: str, passphrase_file: Path | None, authority_path: Path | None
) -> Iterator[Bank]:
    """The bank behind the options.

    :raises KeyStoreError:
    :raises AuthorityError:
    """
    authority = BankAuthority.load(authority_path) if authority_path else None
    passphrase = passphrase_source(passphrase_file, BANK_PASSPHRASE_VARIABLE)
    with open_store(roots, passphrase) as store:
        yield Bank(store, authority)


def load_account(path: Path) -> BankAccount:
    """An account in a file of its own: the object ``bank`` of a holder file, with its expiry.

    :raises HolderError:
    """
    from issuance.bank.account import AccountFile, BankAccount
    from sscard_chip.standard.documents import Document

    today = date.today()
    document = Document.load(path, HolderError)
    document.check(AccountFile, today)
    expiry = years_after(written_day(today), VALID_YEARS)
    return BankAccount.from_object(document.value, card_expiry=expiry)


def payment_document(outcome: PaymentOutcome, amount_fen: int) -> dict[str, object]:
    """A payment for JSON, the PAN masked."""
    code = outcome.response_code
    return {
        "approved": outcome.decision.approved,
        "decision": str(outcome.decision),
        "amount_fen": amount_fen,
        "aid": outcome.aid.hex().upper(),
        "label": outcome.label,
        "pan": masked_pan(outcome.pan),
        "atc": outcome.atc,
        "cryptogram": outcome.cryptogram.hex().upper(),
        "response_code": None if code is None else code.decode("ascii", "replace"),
        "tvr": outcome.tvr.field.hex().upper(),
        "tvr_bits": [_words(bit.name) for bit in type(outcome.tvr) if bit in outcome.tvr],
        "tsi": outcome.tsi.field.hex().upper(),
        "scripts": [
            {
                "identifier": result.identifier.hex().upper(),
                "status_words": [f"{word:04X}" for word in result.status_words],
            }
            for result in outcome.scripts
        ],
    }


def _words(name: str | None) -> str:
    return (name or "").lower().replace("_", " ")
