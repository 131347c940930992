# SPDX-License-Identifier: Apache-2.0
"""After the sale: the settlement centre takes the day file in, and states what it owes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Final

from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_chip.dayfile.text import read_day
from sscard_chip.settlement.clearing.period import period_statement
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger, register_cards
from sscard_chip.settlement.ledger.images import cards_of
from sscard_chip.settlement.reconciliation.card_books import read_card_books
from sscard_chip.settlement.reconciliation.card_ledger import compare_card
from sscard_chip.settlement.reconciliation.cards import PURCHASE, state_of_image
from sscard_chip.settlement.settle import settle
from sscard_chip.terminal.connection import connect_card
from sscard_cli.settle.statement import print_statement

_NAME: Final = "长生堂大药房"


def settle_day(day_file: Path, card: Card, roots: RootKeys, say: Callable[[str], None]) -> None:
    """Settle a day file in a ledger of its own and print the pharmacy's statement."""
    day = read_day(day_file)
    state = state_of_image(card)
    date, pharmacy = day.header.business_date, day.header.pharmacy_code
    today = [one for one in state.log if one.kind == PURCHASE and one.time[:8] >= date]
    before = state.balance_fen + sum(entry.account_fen for entry in today)
    register = cards_of([("card", connect_card(card))], psn_no="1", opening_fen=before)
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "city.db") as ledger:
        ledger.run(lambda t: register_cards(t, register, date, "demo"), exclusive=True)
        out = Path(folder) / "settled"
        summary = settle([str(day_file)], keys=lambda: roots, ledger=ledger, out=out, rules=Rules())
        say(f"  {summary.rows} row read, TAC verified, {summary.posted} posted; verdict:")
        for line in (out / "verdicts.tsv").read_text(encoding="utf-8").splitlines():
            say(f"  {'  '.join(line.split(chr(9)))}")
        with ledger.reading() as t:
            statement = period_statement(t, pharmacy, date, f"{date[:6]}99", _NAME)
            report = compare_card(state, read_card_books(t, state))
        if statement is not None:
            text = StringIO()
            print_statement(statement, text)
            say("")
            for line in text.getvalue().splitlines():
                say(f"  {line}".rstrip())
        books = ledger.check()
        say("")
        say(f"  the books: {books.entries} entries, {'even' if books.even else 'NOT even'}")
        say("  card against ledger:" + (" even" if report.even else ""))
        for one in report.differences:
            say(f"    {one.kind.value}: {one.what}")
            say(f"      {one.cause}")
