# SPDX-License-Identifier: Apache-2.0
"""Findings by the card register, and whose account a debit charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from sscard_chip.settlement.judge.codes import FindingCode, codes_of
from sscard_chip.settlement.judge.register import RegisterJudge, judge_of_rows, judge_register
from sscard_chip.settlement.ledger import (
    CardColumns,
    CardService,
    Ledger,
    change_status,
    find_card,
    register_cards,
)
from sscard_chip.settlement.ledger.register import read_register
from sscard_chip.terminal.pos import DayRow
from tests.pos.test_dayfile import GREY, ROW
from tests.settlement.judge.rows import columns_of

NUMBER = ROW.card_number
OTHER = replace(
    ROW,
    card_number="Z00000021",
    card_id_code=bytes.fromhex("510104D15600000507" + "B" * 14),
    diversification_factor=bytes.fromhex("8699510107B1B2C3"),
)


@pytest.fixture
def judge(ledger: Ledger) -> RegisterJudge:
    enter(ledger, [ROW, OTHER])
    return read(ledger)


def enter(ledger: Ledger, rows: Sequence[DayRow]) -> None:
    cards = CardColumns(
        card_number=np.array([row.card_number for row in rows], "S9"),
        card_id_code=np.array([list(row.card_id_code) for row in rows], np.uint8),
        division=np.array([510100] * len(rows)),
        psn_no=np.array([f"person {at}" for at in range(len(rows))], "S30"),
        factor=np.array([list(row.diversification_factor) for row in rows], np.uint8),
        valid_to=np.array([20260315] * len(rows)),
        opening_fen=np.array([0] * len(rows)),
    )
    ledger.run(lambda t: register_cards(t, cards, "20260301", "cards"), exclusive=True)


def read(ledger: Ledger) -> RegisterJudge:
    with ledger.reading() as t:
        return RegisterJudge(read_register(t))


def codes(judge: RegisterJudge, row: DayRow, mask: int = 0) -> tuple[int, ...]:
    masks = np.array([mask], np.uint16)
    judge_register(columns_of([row]), masks, judge)
    return codes_of(int(masks[0]))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, (0,)),
        ({"psn_no": "person 0"}, (0,)),
        ({"psn_no": "person 1"}, (14,)),
        ({"card_number": OTHER.card_number}, (14,)),
        ({"card_id_code": ROW.card_id_code[:-1] + b"\0"}, (12,)),
        ({"diversification_factor": bytes(8)}, (12,)),
        ({"card_id_code": ROW.card_id_code[:-1] + b"\0", "card_number": "Z1"}, (8,)),
        ({"time": "20260316000000"}, (10,)),
        ({"card_id_code": bytes.fromhex("330106") + ROW.card_id_code[3:]}, (0,)),
        ({"card_id_code": bytes.fromhex("510700") + ROW.card_id_code[3:]}, (0,)),
        ({"card_id_code": bytes.fromhex("510199") + ROW.card_id_code[3:]}, (12,)),
    ],
)
def test_card_and_register(
    judge: RegisterJudge, changes: dict[str, Any], found: tuple[int, ...]
) -> None:
    assert codes(judge, replace(ROW, **changes)) == found


def test_the_account_is_that_of_the_card(judge: RegisterJudge) -> None:
    rows = [ROW, OTHER, replace(ROW, card_id_code=bytes.fromhex("330106") + ROW.card_id_code[3:])]
    accounts = judge_register(columns_of(rows), np.zeros(3, np.uint16), judge)
    known = judge.register.account[judge.register.find(columns_of(rows[:2]).card_id_code)]
    assert accounts.tolist() == [*known.tolist(), -1]


def test_a_grey_row_has_nothing_else_to_find(judge: RegisterJudge) -> None:
    grey = replace(GREY, card_id_code=ROW.card_id_code[:-1] + b"\0")
    assert codes(judge, grey, int(FindingCode.GREY.bit)) == (104,)


def test_without_a_register_nothing_is_judged() -> None:
    masks = np.zeros(1, np.uint16)
    assert judge_register(columns_of([ROW]), masks, None).tolist() == [-1]
    assert masks.tolist() == [0]


@pytest.mark.parametrize(
    ("service", "time", "found"),
    [
        (CardService.TEMPORARY_LOSS, ROW.time, (3,)),
        (CardService.FORMAL_LOSS, ROW.time, (3,)),
        (CardService.CANCEL, ROW.time, (3,)),
        (CardService.CANCEL, "20260315101113", (0,)),
        (CardService.TEMPORARY_LOSS, "20260305101112", (0,)),  # it has lapsed
        (CardService.TEMPORARY_LOSS, "20260305101113", (3,)),
    ],
)
def test_a_lost_card(
    ledger: Ledger, service: CardService, time: str, found: tuple[int, ...]
) -> None:
    enter(ledger, [ROW, OTHER])
    ledger.run(lambda t: change_status(t, find_card(t, NUMBER), service, time))
    judge = read(ledger)
    assert codes(judge, ROW) == found
    assert codes(judge, OTHER) == (0,)


def test_of_a_large_register_the_cards_of_the_rows_are_enough(ledger: Ledger) -> None:
    """Codes and accounts are those of the whole register, also of areas, numbers and reports that
    only other cards show."""
    random = Random(5)
    cities = ("510100", "510104", "500101", "500229", "110105", "330102")
    cards = [
        replace(
            ROW,
            card_number=f"Z{at:08d}",
            card_id_code=bytes.fromhex(f"{cities[at % 5]}D15600000507{at:014X}"),
            diversification_factor=at.to_bytes(8),
        )
        for at in range(200)
    ]
    enter(ledger, cards)
    for at in (3, 50, 51, 199):
        with ledger.transaction() as t:
            number = find_card(t, f"Z{at:08d}")
            change_status(t, number, CardService.FORMAL_LOSS, "20260314000000")
    rows = []
    for number in range(300):
        row = replace(random.choice(cards), terminal_transaction_number=number)
        match number % 6:
            case 0:
                city = random.choice(cities)
                row = replace(row, card_id_code=bytes.fromhex(city) + row.card_id_code[3:])
            case 1:
                row = replace(row, card_number=random.choice(cards).card_number)
            case 2:
                row = replace(row, card_id_code=row.card_id_code[:14] + b"\xff\0")
                row = replace(row, card_number=random.choice((row.card_number, "nobody")))
            case 3:
                row = replace(row, diversification_factor=bytes(8), card_number="none")
        rows.append(row)
    columns = columns_of(rows)
    with ledger.reading() as t:
        judges = RegisterJudge(read_register(t)), judge_of_rows(t, columns)
        few = judge_of_rows(t, columns.rows(np.arange(2)))
    assert len(few.register) <= 2
    found = []
    for judge in judges:
        masks = np.zeros(len(rows), np.uint16)
        accounts = judge_register(columns, masks, judge)
        found.append((masks.tolist(), accounts.tolist()))
    assert found[0] == found[1]
    seen = {code for mask in found[0][0] for code in codes_of(mask)}
    assert seen >= {0, 3, 8, 12, 14}


def test_nothing_is_read_of_cards_that_have_no_row(ledger: Ledger) -> None:
    enter(ledger, [ROW, OTHER])
    with ledger.reading() as t:
        judge = judge_of_rows(t, columns_of([ROW]))
        assert judge.register.card_number.tolist() == [ROW.card_number.encode()]
        assert len(judge_of_rows(t, columns_of([])).register) == 0
