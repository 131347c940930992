# SPDX-License-Identifier: Apache-2.0
"""``sscard purse``: deposit and purse at a test terminal with its PSAM and the bank's host."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import click

from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.amounts import MAX_NUMBER, yuan
from sscard_chip.standard.dates import TIME, is_digits
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.terminal.bank.purse_exchange import PurseInitialization
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.bank.purse_sam import PurseSam
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_chip.terminal.client import CardStatusError
from sscard_cli.bank.options import (
    bank_options,
    connected,
    open_bank,
    reader_options,
)
from sscard_cli.errors import RefusedError
from sscard_cli.options import amount_option, check_time, json_option, together
from sscard_cli.output import print_json, say
from sscard_cli.pos.options import holder_pin_option, pin_entry, sale_time_option

_TERMINAL: Final = "000000000001"
_PURCHASE_ROOT: Final = "PURSE_DPK"
_TYPES: Final = TransactionType


@dataclass(frozen=True, slots=True)
class _Desk:
    """A terminal with a selected card, and the bank behind it."""

    terminal: PurseTerminal
    store: KeyStore
    number: bytes
    time: bytes

    @property
    def host(self) -> PurseHost:
        return PurseHost(self.store)


_deposit = click.option(
    "--deposit", is_flag=True, help="The deposit (电子存折) and not the purse (电子钱包)."
)
_terminal = click.option(
    "--terminal-id",
    default=_TERMINAL,
    show_default=True,
    metavar="12DIGITS",
    help="终端机编号.  Example: --terminal-id 510100000001",
)


_shared: Final = together(
    reader_options,
    holder_pin_option,
    _terminal,
    sale_time_option,
    json_option,
    bank_options(authority=False),
)
"""Card, bank, PIN, terminal and time."""


@contextmanager
def _desk(options: dict[str, Any], *, pin: bool) -> Iterator[_Desk]:
    """The card of the options, the application selected, the PIN verified where it is needed."""
    number = options["terminal_id"]
    if not is_digits(number, 12):
        raise click.UsageError("--terminal-id: must be 12 digits")
    when = check_time(options["when"]) or time.strftime(TIME)
    ask = pin_entry(options["pin"])
    with (
        open_bank(options["bank_roots"], options["bank_passphrase_file"], None) as own,
        connected(options["card_path"], options["reader"]) as connection,
    ):
        connection.power_on()
        terminal = PurseTerminal(connection, bytes.fromhex(number))
        terminal.select()
        if pin:
            _verify(terminal, ask)
        yield _Desk(terminal, own.store, bytes.fromhex(number), bytes.fromhex(when))


def _verify(terminal: PurseTerminal, ask: Callable[[int], str | None]) -> None:
    """What the holder types, once; a card without PIN asks for none."""
    remaining = terminal.pin_tries()
    if remaining is None:
        return
    if not remaining:
        raise RefusedError("PIN: locked")
    typed = ask(remaining)
    if typed is None:
        raise RefusedError("PIN: needed")
    try:
        terminal.verify(bytes.fromhex(typed + "F" * (len(typed) % 2)))
        return
    except CardStatusError as error:
        if error.remaining_tries is None:
            raise
        remaining = error.remaining_tries
    raise RefusedError(f"PIN: wrong, {remaining} tries left")


@click.group()
def purse() -> None:
    """Deposit and purse (电子存折/电子钱包): load, pay, unload, overdraft limit.

    A test terminal with the PSAM and the host of the bank whose keys are in --bank-keys. What
    is on a card, sscard info shows.

    \b
    Example:
      sscard purse load zhang.ssc --amount-fen 5000 --bank-keys bank.json --pin 135790
      sscard purse pay zhang.ssc --amount-fen 700 --bank-keys bank.json
    """


@purse.command()
@_shared
@amount_option("What is loaded")
@_deposit
def load(amount_fen: int, deposit: bool, as_json: bool, **options: Any) -> None:
    """Load the purse or the deposit (圈存); the host checks MAC1 and TAC.

    \b
    Example:
      sscard purse load zhang.ssc --amount-fen 5000 --bank-keys bank.json --pin 135790
    """
    kind = _TYPES.DEPOSIT_LOAD if deposit else _TYPES.PURSE_LOAD
    with _desk(options, pin=True) as desk:
        opened = desk.terminal.load(desk.host, kind, amount_fen, desk.time)
    _show(opened, opened.balance_fen + amount_fen, as_json=as_json)


@purse.command()
@_shared
@amount_option("What is paid")
@_deposit
@click.option("--cash", is_flag=True, help="Draw cash from the deposit (取现) instead.")
def pay(amount_fen: int, deposit: bool, cash: bool, as_json: bool, **options: Any) -> None:
    """Pay from the purse or the deposit (消费), or draw cash; PSAM and host check MAC2 and TAC.

    The purse asks no PIN.

    \b
    Example:
      sscard purse pay zhang.ssc --amount-fen 700 --bank-keys bank.json
      sscard purse pay zhang.ssc --amount-fen 700 --deposit --bank-keys bank.json --pin 135790
    """
    kind = _TYPES.DEPOSIT_PURCHASE if deposit else _TYPES.PURSE_PURCHASE
    if cash:
        kind = _TYPES.CASH_WITHDRAWAL
    with _desk(options, pin=kind is not _TYPES.PURSE_PURCHASE) as desk:
        opened = desk.terminal.initialize(kind, amount_fen)
        algorithm = opened.suite.suite.name
        (root,) = desk.store.diversify(algorithm, _PURCHASE_ROOT, 1, [()])
        # The PSAM lives for one purchase: the clock gives it another number each time.
        sequence = int(time.time()) % (MAX_NUMBER + 1)
        psam = PurseSam(algorithm, root, desk.number, sequence=sequence)
        debited = desk.terminal.pay(psam, opened, desk.time)
        desk.host.settle(debited)
    tac = {"tac": debited.tac.hex().upper()}
    _show(opened, opened.balance_fen - amount_fen, as_json=as_json, **tac)


@purse.command()
@_shared
@amount_option("What is unloaded")
def unload(amount_fen: int, as_json: bool, **options: Any) -> None:
    """Unload the deposit (圈提); the host checks MAC1 and MAC3.

    \b
    Example:
      sscard purse unload zhang.ssc --amount-fen 500 --bank-keys bank.json --pin 135790
    """
    with _desk(options, pin=True) as desk:
        opened = desk.terminal.unload(desk.host, amount_fen, desk.time)
    _show(opened, opened.balance_fen - amount_fen, as_json=as_json)


@purse.command()
@_shared
@click.option(
    "--limit-fen",
    type=click.IntRange(0, 0xFFFFFF),
    required=True,
    metavar="N",
    help="The new limit, fen.  Example: --limit-fen 30000",
)
def limit(limit_fen: int, as_json: bool, **options: Any) -> None:
    """Change the overdraft limit of the deposit (修改透支限额); the host checks MAC1 and TAC.

    \b
    Example:
      sscard purse limit zhang.ssc --limit-fen 30000 --bank-keys bank.json --pin 135790
    """
    with _desk(options, pin=True) as desk:
        opened = desk.terminal.update_limit(desk.host, limit_fen, desk.time)
    balance = opened.balance_fen - (opened.limit_fen or 0) + limit_fen
    _show(opened, balance, as_json=as_json, limit_fen=limit_fen)


def _show(opened: PurseInitialization, balance_fen: int, *, as_json: bool, **more: object) -> None:
    kind = opened.kind
    name = kind.type.name.lower().replace("_", " ")
    if as_json:
        document = {
            "transaction": name,
            "number": opened.number,
            "amount_fen": opened.amount_fen,
            "balance_fen": balance_fen,
        }
        print_json(document | more)
        return
    where = "deposit" if kind.purse is PurseId.DEPOSIT else "purse"
    say(f"{name} {opened.number}: {yuan(opened.amount_fen)} yuan, ", nl=False)
    say(f"{where} {yuan(balance_fen)} yuan")
