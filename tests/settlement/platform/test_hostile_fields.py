# SPDX-License-Identifier: Apache-2.0
"""Fields that mean harm: each message is answered, nothing breaks and no money moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import HOLD, Platform
from sscard_chip.settlement.policy import CentrePolicy
from tests.settlement.platform.centre import (
    BALANCE,
    CARD,
    back,
    balances,
    bill,
    confirmation,
    message,
    msgid,
    open_centre,
    open_platform,
    person,
    row_of,
    undo,
)

WEIRD: Final[tuple[Any, ...]] = (
    *(
        "C" + "9" * 29,
        "C" + "0" * 13 + "9" * 16,
        "\ud800",
        "a\0b",
        "１２",
        "٣.00",
        "-1.00",
        "-0.00",
    ),
    *("1e5", "NaN", "9" * 17, "99999999999999.99", "' OR 1=1 --", "%1$s%2$s%%", "=1+1"),
    *(
        "\u202e",
        "\x1b[2J",
        "\n",
        5,
        1.5,
        float("nan"),
        True,
        [],
        {},
        None,
        10**30,
        "２０２６-03-15 10:11:12",
    ),
    *("0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-02-30 10:11:12", "0" * 32),
)
SPLITS: Final[tuple[Any, ...]] = (
    *([0, 0, 999999999999999], [100, 0, -1], [True, 0, 99], [100.0, 0, 0], ["100", "0", "0"]),
    *([1, 2], [10**5000 // 10**4990, 0, 0], {"0": 100}, "100", [100, 0, float("nan")]),
)


@pytest.fixture
def held(ledger: Ledger) -> tuple[Platform, dict[str, str]]:
    """A centre that settles nothing without a TAC, and what a hold of 10.00 has answered."""
    open_centre(ledger)
    platform = open_platform(ledger, policy=CentrePolicy())
    answer = platform.handle(message(HOLD, 1, bill("35.00", extra='{"split": [1000, 2500, 0]}')))
    return platform, answer["output"]["setlinfo"]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of a message stands."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from places(value, (*path, name))
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from places(value, (*path, at))
    if path:
        yield path


def changed(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The message with another value at a place."""
    copy = json.loads(json.dumps(node))
    at = copy
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return copy


def requests(info: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Messages that would move no money as they are, but for the confirmation."""
    row = row_of(info, tac=bytes(4)).encode()
    return {
        "1101": message("1101", 51, person()),
        "2101": message("2101", 52, bill("1.00")),
        "2102": message("2102", 53, confirmation(info, tac=bytes(4))),
        "2103": message("2103", 54, back(info)),
        "2601": message("2601", 55, undo(msgid(77), "2102")),
        "2106A": message("2106A", 56, {"data": {"card_sn": CARD, "card_number": "Z1", "row": row}}),
        "2106B": message("2106B", 57, {"data": {"card_sn": CARD, "number": 1, "amount_fen": 1}}),
        "2106C": message("2106C", 58, {"data": {"card_sn": CARD, "number": 1, "tac": "00000000"}}),
    }


@pytest.mark.parametrize(
    "infno", ["1101", "2101", "2102", "2103", "2601", "2106A", "2106B", "2106C"]
)
def test_every_field(ledger: Ledger, held: tuple[Platform, dict[str, str]], infno: str) -> None:
    platform, info = held
    request = requests(info)[infno]
    number = 100
    for path in places(request):
        for value in WEIRD:
            number += 1
            own = changed(request, path, value)
            if path != ("msgid",):
                own["msgid"] = msgid(number)
            assert "infcode" in json.loads(platform.handle_json(json.dumps(own).encode()))
    assert balances(ledger) == {"personal": BALANCE - 1000, "held": 1000}


@pytest.mark.parametrize("at", range(27))
def test_every_cell_of_a_row(
    ledger: Ledger, held: tuple[Platform, dict[str, str]], at: int
) -> None:
    platform, info = held
    cells = row_of(info).encode().split("\t")
    assert len(cells) == 27
    for number, value in enumerate(one for one in WEIRD if isinstance(one, str)):
        other = "\t".join([*cells[:at], value, *cells[at + 1 :]])
        node = bill("35.00", extra=json.dumps({"setl_id": info["setl_id"], "row": other}))
        answer = json.loads(
            platform.handle_json(json.dumps(message("2102", 200 + number, node)).encode())
        )
        assert answer["infcode"] == -1
    assert balances(ledger) == {"personal": BALANCE - 1000, "held": 1000}


def test_every_split(ledger: Ledger, held: tuple[Platform, dict[str, str]]) -> None:
    """No till draws the pooled fund; what is no split of the bill is refused."""
    platform, _ = held
    for number, split in enumerate(SPLITS):
        text = json.dumps({"split": split})
        for infno in (HOLD, "2102"):
            node = bill("1.00", extra=text)
            own = message(infno, msgid(300 + 2 * number + (infno == HOLD)), node)
            answer = json.loads(platform.handle_json(json.dumps(own).encode()))
            assert answer["infcode"] == -1
    assert balances(ledger) == {"personal": BALANCE - 1000, "held": 1000}


def test_names_that_come_twice(ledger: Ledger, held: tuple[Platform, dict[str, str]]) -> None:
    """The last of two is what counts, for the answer, the digest and the money alike."""
    platform, _ = held
    text = json.dumps(message(HOLD, 9, bill("1.00", extra='{"split": [100, 0, 0]}')))
    inner = '{\\"split\\": [0, 0, 100], \\"split\\": [100, 0, 0]}'
    twice = text.replace('{\\"split\\": [100, 0, 0]}', inner)
    assert twice != text
    answer = json.loads(platform.handle_json(twice.encode()))
    assert answer["output"]["setlinfo"]["acct_pay"] == "1.00"
    assert balances(ledger) == {"personal": BALANCE - 1100, "held": 1100}


@pytest.mark.parametrize(
    "inf_time", ["0001-01-01 00:00:00", "２０２６-03-15 10:11:12", "2026-3-5 1:1:1"]
)
def test_a_time_is_written_in_full(ledger: Ledger, inf_time: str) -> None:
    open_centre(ledger)
    answer = open_platform(ledger).handle(message(HOLD, 1, bill("1.00"), inf_time=inf_time))
    assert answer["err_msg"] == "inf_time: must be yyyy-MM-dd HH:mm:ss"
