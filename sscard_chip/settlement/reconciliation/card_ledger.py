# SPDX-License-Identifier: Apache-2.0
"""A card against the ledger: purchases by the card's own number, then the balance to the fen.

What a card has is what it was given less what it paid. So the difference of the two balances is
explained by debits that only one side has, by shares in suspense, and by credits (allocations,
account parts of refunds) that the ledger has posted and the card has not loaded; what is left is
a load that the ledger does not know. On-line settlements charge the ledger and not the card, and
make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sscard_chip.settlement.clearing.codes import RowOutcome
from sscard_chip.settlement.reconciliation.cards import LOAD, PURCHASE, CardEntry, CardState
from sscard_chip.settlement.reconciliation.differences import Difference, DifferenceKind, Report
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import show_time


@dataclass(frozen=True, slots=True, repr=False)
class BookedDebit:
    """A debit of the card that the centre has got. Amounts are those that the card was given.

    ``number`` is the card's 医疗消费序号; ``codes`` the findings joined by commas.
    """

    number: int
    terminal_id: str
    time: str
    account_fen: int
    self_paid_fen: int
    pooled_fen: int
    msgid: str
    outcome: RowOutcome
    codes: str


class Credit(NamedTuple):
    """Money that the ledger has put on the personal account and the card has to load."""

    what: str
    fen: int


class ChipBooks(NamedTuple):
    """What the centre knows of a chip that it has loaded itself (账户划入).

    ``opening_fen`` is what the chip was registered with, ``debited_fen`` what posted debits took
    from it; ``loads`` are fen by 划入序号, begun ones too; ``due_fen`` is what it may load now.
    """

    opening_fen: int
    debited_fen: int
    loads: Mapping[int, int]
    due_fen: int


@dataclass(frozen=True, slots=True, repr=False)
class CardBooks:
    """What the centre has of a card.

    ``card_number`` and ``identification`` are those of the register, None where it has no such
    card. ``balance_fen`` is that of the personal account with what is held of it, None when there
    is no account. ``charged_fen`` is what debits of this card took from it, on-line settlements
    among them, ``others_fen`` what those of other cards took. ``credits`` are in the order of
    their posting. ``opened`` is the date (YYYYMMDD) of the balance that the register brought:
    what the card paid before it is no concern of the ledger's. ``chip`` is None where the centre
    has never loaded the card.
    """

    card_number: str | None
    identification: str | None
    balance_fen: int | None
    charged_fen: int
    others_fen: int
    debits: tuple[BookedDebit, ...]
    credits: tuple[Credit, ...]
    opened: str = ""
    chip: ChipBooks | None = None


def compare_card(card: CardState, books: CardBooks) -> Report:
    """Every difference between a card and the ledger, with its likely cause."""
    differences = [*_identity(card, books)]
    posted, refused = _by_number(books)
    differences += _purchases(card, posted, refused, books.opened)
    differences += _ahead(card, posted)
    explained = sum(one.fen or 0 for one in differences)
    if books.chip is not None:
        differences += _chip(card, books.chip, explained)
    elif books.balance_fen is not None:
        differences += _balance(card, books, posted, explained)
    return Report(f"card {card.card_number}", _figures(card, books, posted), tuple(differences))


def _identity(card: CardState, books: CardBooks) -> Iterator[Difference]:
    if books.identification is None and not books.debits and books.balance_fen is None:
        yield Difference(DifferenceKind.UNKNOWN_CARD, f"card {card.card_number}")
    elif books.identification not in (None, card.identification):
        yield Difference(DifferenceKind.IDENTITY, "卡识别码")
    elif books.card_number not in (None, card.card_number):
        yield Difference(DifferenceKind.IDENTITY, "卡号")


def _by_number(books: CardBooks) -> tuple[dict[int, BookedDebit], dict[int, BookedDebit]]:
    """Posted debits, and the others that are not a second row of a posted one."""
    posted = {one.number: one for one in books.debits if one.outcome is RowOutcome.POSTED}
    others = (one for one in books.debits if one.number not in posted)
    return posted, {one.number: one for one in others}


def _purchases(
    card: CardState,
    posted: dict[int, BookedDebit],
    refused: dict[int, BookedDebit],
    opened: str,
) -> Iterator[Difference]:
    log = {entry.number: entry for entry in card.log if entry.kind == PURCHASE}
    for number in sorted(log):
        entry, booked = log[number], posted.get(number)
        if booked is not None:
            columns = _differing(entry, booked)
            if columns:
                fen = booked.account_fen - entry.account_fen
                yield Difference(
                    DifferenceKind.ROW, f"{_label(entry)}: {', '.join(columns)}", fen, booked.msgid
                )
        elif number in refused:
            other = refused[number]
            kind = (
                DifferenceKind.HELD if other.outcome is RowOutcome.HELD else DifferenceKind.REFUSED
            )
            yield Difference(
                kind, _label(entry), -entry.account_fen, other.msgid, f"code {other.codes}"
            )
        elif entry.time[:8] >= opened:
            yield Difference(DifferenceKind.NOT_UPLOADED, _label(entry), -entry.account_fen)
    for first, last in _gaps(card, posted, set(log) | set(refused)):
        numbers = f"purchase {first}" if first == last else f"purchases {first} to {last}"
        yield Difference(DifferenceKind.GAP, numbers)


def _gaps(
    card: CardState, posted: dict[int, BookedDebit], known: set[int]
) -> Iterator[tuple[int, int]]:
    """Runs of numbers that neither side has, from the first posted one to the counter."""
    if not posted:
        return
    missing = [
        number
        for number in range(min(posted), card.purchase_counter)
        if number not in posted and number not in known
    ]
    first = None
    for at, number in enumerate(missing):
        first = number if first is None else first
        if at + 1 == len(missing) or missing[at + 1] != number + 1:
            yield first, number
            first = None


def _differing(entry: CardEntry, booked: BookedDebit) -> list[str]:
    pairs = (
        ("terminal_id", entry.terminal_id, booked.terminal_id),
        ("time", entry.time, booked.time),
        ("account_amount_fen", entry.account_fen, booked.account_fen),
        ("self_paid_amount_fen", entry.self_paid_fen, booked.self_paid_fen),
        ("pooled_amount_fen", entry.pooled_fen, booked.pooled_fen),
    )
    return [name for name, here, there in pairs if here is not None and here != there]


def _ahead(card: CardState, posted: dict[int, BookedDebit]) -> Iterator[Difference]:
    for number in sorted(posted):
        if number >= card.purchase_counter:
            booked = posted[number]
            what = (
                f"purchase {number}, {_date(booked.time)}, terminal {booked.terminal_id},"
                f" account {yuan(booked.account_fen)}"
            )
            yield Difference(DifferenceKind.LEDGER_AHEAD, what, booked.account_fen, booked.msgid)


def _balance(
    card: CardState,
    books: CardBooks,
    posted: dict[int, BookedDebit],
    explained: int,
) -> Iterator[Difference]:
    assert books.balance_fen is not None  # noqa: S101
    # In modes 1 and 2 the ledger is charged and the card is not: that is no difference.
    surplus = books.charged_fen - sum(one.account_fen for one in posted.values())
    if surplus < 0:
        yield Difference(DifferenceKind.SUSPENSE, yuan(-surplus), surplus)
    if books.others_fen:
        yield Difference(DifferenceKind.OTHER_CARD, yuan(books.others_fen), books.others_fen)
    explained += surplus + books.others_fen
    left = card.balance_fen - books.balance_fen - explained
    if left:
        yield from _loads(card, books, left)


def _chip(card: CardState, chip: ChipBooks, explained: int) -> Iterator[Difference]:
    """A chip that the centre loads: it has its opening balance and its loads, less its debits.

    What on-line sales and other cards took from the account is no concern of this chip.
    """
    log = {entry.number: entry for entry in card.log if entry.kind == LOAD}
    made = {number: fen for number, fen in chip.loads.items() if number < card.load_counter}
    unknown = [
        entry
        for number, entry in sorted(log.items())
        if chip.loads.get(number) != entry.account_fen
    ]
    left = card.balance_fen - explained
    left -= chip.opening_fen + sum(made.values()) - chip.debited_fen
    for entry in unknown:
        more = entry.account_fen - made.get(entry.number, 0)
        left -= more
        yield Difference(DifferenceKind.LOAD_UNKNOWN, _label(entry), more)
    for number, fen in sorted(chip.loads.items()):
        if number >= card.load_counter:
            what = f"load {number} was begun, {yuan(fen)}"
            yield Difference(DifferenceKind.NOT_LOADED, what, -fen)
    if chip.due_fen > 0:
        what = f"waits to be loaded, {yuan(chip.due_fen)}"
        yield Difference(DifferenceKind.NOT_LOADED, what, -chip.due_fen)
    if left:
        yield Difference(DifferenceKind.BALANCE, yuan(left), left)


def _loads(card: CardState, books: CardBooks, left: int) -> Iterator[Difference]:
    """What makes ``left``: the newest loads without a credit, and credits without a load."""
    credits = list(books.credits)
    unknown = []
    for entry in reversed(card.log):
        if entry.kind != LOAD:
            continue
        at = next((i for i, one in enumerate(credits) if one.fen == entry.account_fen), None)
        if at is None:
            unknown.append(entry)
        else:
            del credits[at]
    for loads in range(len(unknown) + 1):
        newest = unknown[len(unknown) - loads :]
        for count in range(len(credits) + 1):
            waiting = credits[len(credits) - count :]
            surplus = sum(entry.account_fen for entry in newest)
            if surplus - sum(one.fen for one in waiting) != left:
                continue
            for entry in newest:
                yield Difference(DifferenceKind.LOAD_UNKNOWN, _label(entry), entry.account_fen)
            for one in waiting:
                yield Difference(
                    DifferenceKind.NOT_LOADED, f"{one.what}, {yuan(one.fen)}", -one.fen
                )
            return
    yield Difference(DifferenceKind.BALANCE, yuan(left), left)


def _figures(
    card: CardState, books: CardBooks, posted: dict[int, BookedDebit]
) -> tuple[tuple[str, str, str], ...]:
    balance = "-" if books.balance_fen is None else yuan(books.balance_fen)
    following = str(max(posted) + 1) if posted else "-"
    return (
        ("卡号 card number", card.card_number, books.card_number or "-"),
        ("个人账户余额 balance", yuan(card.balance_fen), balance),
        ("消费序号 next purchase", str(card.purchase_counter), following),
        ("划入序号 next load", str(card.load_counter), "-"),
        ("交易明细 purchases", str(sum(e.kind == PURCHASE for e in card.log)), str(len(posted))),
    )


def _label(entry: CardEntry) -> str:
    return (
        f"{entry.kind} {entry.number}, {_date(entry.time)}, terminal {entry.terminal_id},"
        f" account {yuan(entry.account_fen)}"
    )


def _date(time: str) -> str:
    """To the minute."""
    return show_time(time)[:16]
