# SPDX-License-Identifier: Apache-2.0
"""Those that ask at once share a commit, and nobody pays for a neighbour."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, get_ident
from typing import Any, Final

import pytest

from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.platform import HOLD
from sscard_chip.settlement.platform.groups import GroupCommit
from tests.settlement.platform.centre import (
    BALANCE,
    CARD,
    balances,
    bill,
    confirmation,
    message,
    open_centre,
    open_platform,
)
from tests.settlement.platform.together import together

YUAN: Final = bill("1.00", extra=f'{{"card_sn": "{CARD}"}}')


class Held:
    """A commit that waits until it may go on, and knows what it was given."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.groups: list[list[int]] = []

    def __call__(self, asked: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(asked))
        assert self.free.wait(120)
        if 7 in asked:
            raise RuntimeError("all")
        return [ValueError(str(one)) if one % 2 else 10 * one for one in asked]


def test_what_waits_is_done_together_in_groups_of_a_size() -> None:
    commit = Held()
    groups: GroupCommit[int, int] = GroupCommit(commit, most=3)
    with ThreadPoolExecutor(8) as threads:
        waiting = []
        for number in (2, 4, 5, 6, 8, 7):
            waiting.append(threads.submit(groups.do, number))
            while groups.begun < len(waiting):
                time.sleep(0)
        while not commit.groups:
            time.sleep(0)
        assert commit.groups == [[2]]
        commit.free.set()
        told = [repr(one.exception(120) or one.result()) for one in waiting]
    assert commit.groups == [[2], [4, 5, 6], [8, 7]]
    assert told == ["20", "40", "ValueError('5')", "60", *["RuntimeError('all')"] * 2]
    assert groups.do(10) == 100  # after an error too


def test_sales_of_one_account_and_one_msgid_in_one_group(ledger: Ledger) -> None:
    """The first is done; a second of the account too, and no more than there is."""
    open_centre(ledger)
    platform = open_platform(ledger)
    code = f'{{"card_sn": "{CARD}", "split": [6000, 0, 0]}}'
    most = bill("60.00", extra=code, med_type="14")
    told = together(
        platform,
        [
            message(HOLD, 1, YUAN),
            message(HOLD, 2, YUAN),
            message(HOLD, 2, YUAN),
            message(HOLD, 2, most),
            message(HOLD, 3, most),
            message(HOLD, 4, most),
        ],
    )
    assert [one["infcode"] for one in told[:4]] == [0, 0, 0, -1]
    assert told[1] == told[2]
    assert told[3]["err_msg"] == "this msgid was used for something else"
    assert sorted(one["infcode"] for one in told[4:]) == [-1, 0]
    assert balances(ledger) == {"personal": BALANCE - 6200, "held": 6200}
    info = told[1]["output"]["setlinfo"]
    again = [message("2102", number, confirmation(info, 7)) for number in (11, 12, 11)]
    done = together(platform, [message(HOLD, 5, YUAN), *again])
    assert [one["infcode"] for one in done] == [0, 0, 0, 0]
    assert done[1] == done[3]
    assert balances(ledger)["pharmacy"] == 100
    assert ledger.check().even


def test_text_that_no_database_takes_harms_no_neighbour(ledger: Ledger) -> None:
    open_centre(ledger)
    platform = open_platform(ledger)
    odd = [
        message(HOLD, number, bill("1.00", extra=f'{{"card_sn": "{CARD}"}}', dise_name=name))
        for number, name in ((2, "a\x00b"), (3, "\ud800"), (4, "%9$s {} \\ '\""))
    ]
    told = together(platform, [message(HOLD, 1, YUAN), *odd, message(HOLD, 5, YUAN)])
    assert [told[0]["infcode"], told[-1]["infcode"]] == [0, 0]
    assert all(isinstance(json.dumps(one), str) for one in told)
    assert ledger.check().even


def test_a_database_that_is_away_answers_nobody(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_centre(ledger)
    platform = open_platform(ledger)

    def gone(_: object) -> Any:
        raise LedgerUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(platform.groups, "_commit", gone)
        with pytest.raises(LedgerUnavailableError):
            platform.handle(message(HOLD, 1, YUAN))
    assert platform.handle(message(HOLD, 1, YUAN))["infcode"] == 0


class _Slow:
    """A lock after which a thread is held up, once, until others have gone on."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._lock = Lock()
        self._after = after

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._after()


def test_who_is_made_to_lead_before_it_begins_to_wait_leads_once() -> None:
    """A thread that asked is not yet waiting when the group before it ends."""
    begun, go_on, first_done = Event(), Event(), Event()

    def commit(asked: Sequence[int]) -> list[int]:
        if asked == [1]:
            begun.set()
            assert go_on.wait(30)
        return [-one for one in asked]

    group = GroupCommit[int, int](commit)
    late = get_ident()
    held = False

    def hold_up() -> None:
        nonlocal held
        if get_ident() == late and not held:
            held = True
            go_on.set()
            assert first_done.wait(30)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.do, 1)
        assert begun.wait(30)
        group._lock = _Slow(hold_up)  # type: ignore[assignment]
        first.add_done_callback(lambda _: first_done.set())
        assert group.do_all([2, 3]) == [-2, -3]
        assert first.result() == -1
    assert group.do(4) == -4


def test_more_than_a_group_from_one_thread() -> None:
    group = GroupCommit[int, int](lambda asked: [-one for one in asked], most=2)
    assert group.do_all(range(7)) == [-one for one in range(7)]


def test_a_group_with_another_number_of_results_fails_whole() -> None:
    group = GroupCommit[int, int](lambda asked: [0])
    assert [str(one) for one in group.do_all([1, 2])] == [
        "a group has another number of results"
    ] * 2
