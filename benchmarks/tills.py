# SPDX-License-Identifier: Apache-2.0
"""A client of rows 13 and 14: cards, a terminal and the messages of their sales.

What a card and a till do before a sale is made before a window begins; so is the TAC, which no
label of the centre goes into.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from issuance.stores import open_store
from sscard_chip.dayfile.envelope import HOLD, compact, make_request
from sscard_chip.dayfile.msgid import confirmation_msgid
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.suite import SUITES, pad
from sscard_chip.standard.keys import DTK

CITY: Final = "510100"
CARDS: Final = 200
"""Of a client."""
PHARMACIES: Final = 300

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """What a client did: the milliseconds of each message, and how long it took in seconds, by
    the clock and of the processor."""

    waited_ms: list[float]
    seconds: float
    processor: float


class Client:
    """Sells until its time is over, with its own cards and terminal."""

    def __init__(self, number: int, roots: str) -> None:
        self.number = number
        self.sales = 0
        self.terminal = f"{CITY}{number:06d}"
        self._pharmacy = f"P{CITY}{number % PHARMACIES:05d}"
        self._store = open_store(roots)
        self._ready: list[tuple[dict[str, Any], DayRow]] = []

    def prepare(self, count: int) -> None:
        """Make bills and debits of so many sales: what cards and tills do is not measured."""
        self._ready = [self.sale() for _ in range(count)]

    def sell(self, ask: Ask, seconds: float) -> Done:
        """Hold and confirm; every answer must be a success."""
        waited: list[float] = []
        begun, used = time.perf_counter(), time.thread_time()
        while time.perf_counter() - begun < seconds:
            hold, row = self._ready.pop() if self._ready else self.sale()
            at = time.perf_counter()
            info = _good(ask(hold))
            held = time.perf_counter()
            confirmation = confirm(hold, row, info)
            asked = time.perf_counter()
            _good(ask(confirmation))
            waited += [1e3 * (held - at), 1e3 * (time.perf_counter() - asked)]
        return Done(waited, time.perf_counter() - begun, time.thread_time() - used)

    def sale(self) -> tuple[dict[str, Any], DayRow]:
        """The message of a hold, and the row of its debit, which only wants the centre's labels."""
        self.sales += 1
        card = self.number * CARDS + self.sales % CARDS
        now = datetime.now().strftime("%Y%m%d%H%M%S")
        msgid = f"{self._pharmacy}{now}{self.sales % 10000:04d}"
        code = card_id_code(card)
        extra = {"card_sn": code.hex().upper(), "split": [500, 300, 0]}
        row = DayRow(
            "", "", f"B{card}", 800, 0, 500, 300, False, msgid, CITY, CITY, code,
            f"Z{card:08d}", card.to_bytes(8), "3des", 1, self.sales % 60000, 0x32, self.terminal,
            self.sales, now, 0, 800, 500, None, False,
        )  # fmt: skip
        node = _bill(row, extra)
        hold = make_request(HOLD, msgid, now, CITY, CITY, node, operator=self.terminal)
        return hold, replace(row, tac=self._tac(row))

    def _tac(self, row: DayRow) -> bytes:
        store: Any = self._store
        key = _card_key(store, row.diversification_factor)
        amounts = (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen)
        message = b"".join(amount.to_bytes(4) for amount in amounts) + b"\x32"
        message += bytes.fromhex(row.terminal_id) + row.terminal_transaction_number.to_bytes(4)
        suite = SUITES["3des"]
        return suite.tac_mac(key)(pad(message + bytes.fromhex(row.time), suite.block))


@lru_cache(maxsize=100_000)
def _card_key(store: Any, factor: bytes) -> bytes:
    chain = (province_factor(CITY), city_factor(CITY), factor)
    key: bytes = store.diversify("3des", DTK, 1, [chain])[0]
    return key


def confirm(hold: dict[str, Any], row: DayRow, info: dict[str, str]) -> dict[str, Any]:
    """The message that confirms a hold, whose answer is ``info``, with the row of its debit."""
    labelled = replace(row, setl_id=info["setl_id"], mdtrt_id=info["mdtrt_id"])
    node = _bill(row, {"setl_id": labelled.setl_id, "row": labelled.encode()})
    msgid = confirmation_msgid(row.msgid)
    return make_request("2102", msgid, row.time, CITY, CITY, node, operator=hold["opter"])


def _bill(row: DayRow, extra: dict[str, Any]) -> dict[str, Any]:
    now = row.time
    at = f"{now[:4]}-{now[4:6]}-{now[6:8]} {now[8:10]}:{now[10:12]}:{now[12:]}"
    info = {
        "psn_no": row.psn_no, "mdtrt_cert_type": "03", "mdtrt_cert_no": row.card_number,
        "begntime": at, "medfee_sumamt": "8.00", "insutype": "310", "acct_used_flag": "1",
        "med_type": "41", "exp_content": compact(extra),
    }  # fmt: skip
    line = {
        "feedetl_sn": "1", "fee_ocur_time": at, "med_list_codg": "0", "medins_list_codg": "0",
        "det_item_fee_sumamt": "8.00", "cnt": "1", "pric": "8.00",
    }  # fmt: skip
    return {"druginfo": info, "drugdetail": [line]}


def _good(answer: dict[str, Any]) -> dict[str, str]:
    if answer["infcode"] != 0:
        raise RuntimeError(f"a sale was refused: {answer['err_msg']}")
    info: dict[str, str] = answer["output"]["setlinfo"]
    return info


def card_id_code(card: int) -> bytes:
    """Of an invented card."""
    return bytes.fromhex(CITY) + card.to_bytes(13)
