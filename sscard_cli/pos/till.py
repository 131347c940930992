# SPDX-License-Identifier: Apache-2.0
"""The till behind ``sscard pos``: its slots and files, and the screen of ``pos run``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from sscard_chip import Card, CardInUseError, Durability
from sscard_chip.dayfile.parquet import require_extra, write_parquet
from sscard_chip.dayfile.rows import COLUMNS
from sscard_chip.dayfile.text import DayContents
from sscard_chip.standard.amounts import AmountError, parse_yuan, yuan
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.errors import ExtraMissingError, TerminalError
from sscard_chip.standard.escape import escape
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.connection import (
    Connection,
    EmptySlot,
    ForwardingConnection,
    TerminalConnectionError,
    connect_card,
)
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.pos import (
    Bill,
    DayFile,
    HotlistFile,
    SaleOutcome,
    Till,
    TillSettings,
)
from sscard_chip.terminal.pos.psam import Psam
from sscard_cli.errors import RefusedError, explain
from sscard_cli.output import say
from sscard_cli.pos.centre import CentreOptions, open_authoriser
from sscard_cli.screen import listing, show


class NoCardImageError(TerminalError):
    """Digits that name no card image; the text does not repeat them, they may be a PIN."""


class CardSlot(ForwardingConnection):
    """A slot into which card images are put, one at a time. Their files are released on removal."""

    def __init__(self, interface: str) -> None:
        self._contactless = interface == "contactless"
        self._card: Card | None = None
        super().__init__(EmptySlot())

    @property
    def occupied(self) -> bool:
        """Whether a card is in."""
        return self._card is not None

    def insert(self, path: Path) -> None:
        """Take out what is in, and put in the card of an image file.

        :raises CardImageError:
        :raises CardInUseError:
        :raises InterfaceNotSupportedError:
        :raises OSError: any other.
        """
        self.remove()
        card = Card.open(path, durability=Durability.DISK)
        try:
            self._connection = connect_card(card, contactless=self._contactless)
        except BaseException:
            card.close()
            raise
        self._card = card

    def remove(self) -> None:
        """Leave the slot empty."""
        self._connection = EmptySlot()
        if self._card is not None:
            self._card.close()
        self._card = None


@dataclass(slots=True)
class Counter:
    """A till and the slot in front of it; ``slot`` is None when the card is in a real reader."""

    till: Till
    slot: CardSlot | None
    settings: TillSettings
    typed: list[Callable[[int], str | None]]

    def warn(self, lines: Iterable[str]) -> None:
        """See :func:`warn`."""
        warn(lines)


@contextmanager
def open_counter(
    *,
    card_path: Path | None,
    reader: str | None,
    psam_path: Path | None,
    psam_reader: str | None,
    interface: str,
    day_path: Path,
    pharmacy_code: str | None,
    pharmacy_name: str,
    hotlist_path: Path | None,
    hotlist_max_age: int | None,
    mode: str,
    division: str | None,
    offline_cap_fen: int,
    offline_cap_times: int,
    authoriser_location: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    policy_path: Path | None,
    test_clock: bool,
    pin: Callable[[int], str | None] = lambda _left: None,
    when: str | None = None,
    creating: bool = True,
) -> Iterator[Counter]:
    """The till that the options describe. What it refuses becomes a RefusedError."""
    if hotlist_max_age is not None and hotlist_path is None:
        raise click.UsageError("--hotlist-max-age needs --hotlist: without a list none is fresh")
    centre = CentreOptions(authoriser_location, roots, passphrase_file, policy_path, test_clock)
    with ExitStack() as stack:
        slot, card, psam = open_slots(stack, card_path, reader, psam_path, psam_reader, interface)
        if psam is None and creating and not day_path.exists():
            raise click.UsageError("a new day file needs --psam or --psam-reader")
        settings = _settings(
            day_path,
            psam,
            pharmacy_code,
            pharmacy_name,
            division,
            hotlist_max_age,
            lambda area: SettlementRegion(
                area, SettlementMode(int(mode)), offline_cap_fen, offline_cap_times
            ),
        )
        typed = [pin]
        till = stack.enter_context(
            Till.open(
                settings,
                card,
                psam,
                day_path,
                pin_entry=lambda left: typed[0](left),
                hotlist=HotlistFile(hotlist_path) if hotlist_path else None,
                authoriser=open_authoriser(stack, centre),
                business_date=when[:8] if when else None,
            )
        )
        yield Counter(till, slot, settings, typed)


def open_slots(
    stack: ExitStack,
    card_path: Path | None,
    reader: str | None,
    psam_path: Path | None,
    psam_reader: str | None,
    interface: str,
) -> tuple[CardSlot | None, Connection, Connection | None]:
    """The slot for images, the card's connection and the PSAM's; ``stack`` closes them."""
    if (card_path and reader) or (psam_path and psam_reader):
        raise click.UsageError("give --card or --reader, and --psam or --psam-reader")
    slot = None
    card: Connection
    if reader is not None:
        card = _reader(stack, reader)
    else:
        card = slot = CardSlot(interface)
        stack.callback(slot.remove)
        if card_path is not None:
            slot.insert(card_path)
    psam = None
    if psam_path is not None:
        opened = Card.open(psam_path, durability=Durability.DISK)
        psam = connect_card(stack.enter_context(opened))
    elif psam_reader is not None:
        psam = _reader(stack, psam_reader)
    return slot, card, psam


def warn(lines: Iterable[str]) -> None:
    """Lines for the operator, on stderr."""
    for line in lines:
        say(f"sscard: warning: {line}", err=True)


def _reader(stack: ExitStack, name: str) -> Connection:
    return stack.enter_context(PcscConnection(name))


def _settings(
    day_path: Path,
    psam: Connection | None,
    pharmacy_code: str | None,
    pharmacy_name: str,
    division: str | None,
    hotlist_max_age: int | None,
    region: Callable[[str], SettlementRegion],
) -> TillSettings:
    """Pharmacy and region of the options, else of the day file, else of the PSAM's terminal."""
    if psam is not None:
        terminal_id, _ = Psam(psam).identify()
    if pharmacy_code is None and day_path.exists() and day_path.stat().st_size:
        with DayFile.open(day_path) as day:
            pharmacy_code, terminal_id = day.header.pharmacy_code, day.header.terminal_id
    elif psam is None:
        with DayFile.open(day_path) as day:
            terminal_id = day.header.terminal_id
    area = division or terminal_id[:6]
    if not is_digits(area, 6):
        raise click.UsageError("--region: must be 6 digits")
    code = pharmacy_code or f"P{terminal_id[:6]}00001"
    if len(code) != 12 or not (code.isascii() and code.isalnum()):
        raise click.UsageError("--pharmacy-code: must be 12 letters and digits")
    return TillSettings(code, region(area), pharmacy_name, hotlist_max_age_hours=hotlist_max_age)


def sale_document(outcome: SaleOutcome) -> dict[str, Any]:
    """A sale or refund for programs."""
    cells = outcome.row.encode().split("\t")[1:]
    return {
        "paid": True,
        "recovered": outcome.recovered,
        "mac2": outcome.mac2,
        "balance_fen": outcome.receipt.balance_fen,
        "row": {
            column.name: None if cell == "null" else cell
            for column, cell in zip(COLUMNS, cells, strict=True)
        },
        "warnings": list(outcome.warnings),
        "receipt": outcome.receipt.text(),
    }


def save_parquet(day: DayContents | None, path: Path) -> None:
    """Write a day as Parquet; with None only see that it could be done."""
    try:
        if day is None:
            require_extra()
        else:
            write_parquet(day, path)
    except ExtraMissingError as error:
        raise RefusedError(str(error)) from None


# --- the screen ----------------------------------------------------------------------------------

_MENU: Final = (
    ("1", "sale 收费"),
    ("2", "refund 退费"),
    ("3", "recover 未完成交易"),
    ("4", "give up 未完成交易记为存疑"),
    ("5", "day so far 当日汇总"),
    ("6", "close the day 日结"),
    ("q", "quit 退出"),
)


def run_till(counter: Counter) -> None:
    """Show the menu until the day is closed or the operator leaves."""
    console = Console(highlight=False)
    counter.typed[0] = lambda left: _ask_pin(console, left)
    header = counter.till.header
    console.print(Text(escape(f"{counter.settings.pharmacy_name} {header.pharmacy_code}"), "bold"))
    console.print(f"terminal {header.terminal_id}, day {header.business_date}")
    while True:
        if counter.till.unfinished is not None:
            console.print("A sale broke off: recover it with its card (3).", style="bold red")
        console.print("  ".join(f"[{key}] {name}" for key, name in _MENU), markup=False)
        try:
            choice = console.input("> ").strip().lower()
            if choice in ("q", "quit"):
                return
            if _act(counter, console, choice):
                return
        except EOFError:
            return
        except (TerminalError, TerminalConnectionError, ValueError, OSError) as error:
            console.print(_line(error), style="red", markup=False)


def _act(counter: Counter, console: Console, choice: str) -> bool:
    """One choice of the menu; True when the day is closed."""
    till = counter.till
    if choice == "1":
        split = Split(*(_ask_fen(console, name) for name in ("account", "cash", "fund")))
        bill = Bill(split)
        _insert(counter, console)
        try:
            _show(console, till.sell(bill))
        finally:
            if counter.slot is not None and till.unfinished is None:
                counter.slot.remove()
    elif choice == "2":
        _show(console, till.refund(console.input("流水号 (msgid): ").strip()))
    elif choice == "3":
        if till.unfinished is not None and not till.unfinished.answered:
            _insert(counter, console)
        was_open = till.unfinished is not None
        outcome = till.recover()
        if outcome is not None:
            _show(console, outcome)
        elif was_open:
            console.print("not paid, not recorded")
        if till.owing:
            _insert(counter, console)
            for line in till.finish_owed():
                console.print(line, style="yellow", markup=False)
    elif choice == "4":
        _show(console, till.give_up())
    elif choice == "5":
        _summary(console, till)
    elif choice == "6":
        trailer = till.close_day()
        console.print(f"closed: {trailer.count} rows, {yuan(trailer.sums_fen[0])} yuan")
        return True
    return False


def _summary(console: Console, till: Till) -> None:
    sums = ("费用合计", "统筹基金", "个人账户", "现金")
    table = listing("时间", "流水号", *sums, "存疑", right=sums)
    for row in till.rows:
        amounts = (row.total_fen, row.fund_fen, row.account_fen, row.cash_fen)
        table.add_row(row.time[8:], row.msgid, *map(yuan, amounts), "*" if row.grey else "")
    show(table, file=console.file)


def _show(console: Console, outcome: SaleOutcome) -> None:
    for line in outcome.warnings:
        console.print(line, style="yellow", markup=False)
    if outcome.recovered:
        console.print("This is the sale that had broken off.", style="yellow")
    console.print(outcome.receipt.text(), markup=False)


def _insert(counter: Counter, console: Console) -> None:
    """Have a card in the slot: an image by its name, nothing to do with a real reader."""
    if counter.slot is None:
        console.input("Put the card into the reader and press Enter. ")
        return
    stays = "leave the card that is in" if counter.slot.occupied else "leave the slot empty"
    name = console.input(f"Card image, its file name (Enter: {stays}): ").strip()
    if not name:
        return
    try:
        counter.slot.insert(Path(name))
    except (OSError, UnicodeError) as error:
        if isinstance(error, CardInUseError) or any(one.isalpha() for one in name):
            raise
        # Digits alone are not repeated: they may be a PIN that was typed a question too early.
        raise NoCardImageError("no card image has this name") from None


def _ask_fen(console: Console, name: str) -> int:
    """An amount in yuan as fen; empty is nothing."""
    text = console.input(f"{name}, yuan: ").strip() or "0"
    whole, _, cents = text.partition(".")
    try:
        fen = parse_yuan(f"{whole.lstrip('0') or whole[:1]}.{cents:0<2}")
    except AmountError:
        fen = -1
    if fen < 0:
        raise AmountError("an amount is yuan with at most two decimals")
    return fen


def _ask_pin(console: Console, left: int) -> str | None:
    answer = console.input(f"PIN ({left} tries left): ", password=True).strip()
    return answer or None


def _line(error: Exception) -> str:
    if isinstance(error, (TerminalError, TerminalConnectionError)):
        return str(error)
    return explain(error)[0]
