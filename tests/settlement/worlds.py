# SPDX-License-Identifier: Apache-2.0
"""Small worlds for the two judges: cards, pharmacies, files with one thing or another wrong.

What Hypothesis draws are small numbers; a world is made of them by plain steps, so that a failure
shrinks to few rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from hypothesis import strategies as st

from tests.bench.issued import roots
from tests.settlement.oracle import FEN, NAMES, YUAN, File, Law, RegisteredCard, tac

DATES: Final = ("20260315", "20260316")
VERSION: Final = "20260315.1"
CARDS: Final = (
    # code, number, factor, algorithm
    ("510100000000AA01" + "00" * 8, "Z00000013", "86845101C0000001", "03"),
    ("510100000000AA02" + "00" * 8, "Z00000021", "86845101C0000002", "01"),
    ("510100000000AA03" + "00" * 8, "Z0000003X", "86845101C0000003", "03"),
    ("330421000000AA04" + "00" * 8, "Z00000048", "86845101C0000004", "01"),
    ("610200000000AA05" + "00" * 8, "Z00000056", "86845101C0000005", "03"),
)
TERMINALS: Final = (
    # pharmacy, terminal, psam
    ("P51010000001", "510100000001", "00000000000000000001"),
    ("P51010000001", "510100000002", "00000000000000000002"),
    ("P51010000002", "510100000003", "00000000000000000003"),
)
MUTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "setl_id": ("null", "", "S1"),
    "psn_no": ("P0", "P1", "null"),
    "medfee_sumamt": ("1.00", "-1.00", "0.00", "1", "-0.00"),
    "fund_pay_sumamt": ("0.00", "-1.00", "99.99"),
    "acct_pay": ("0.00", "0.01", "1,00"),
    "psn_cash_pay": ("0.00", "7.00"),
    "refd_setl_flag": ("1", "0", "2"),
    "msgid": ("M", "null", "x" * 31, "P5101000000120260231101112ZZZZ"),
    "mdtrtarea_admvs": ("510700", "51010"),
    "insuplc_admdvs": ("510700", "null", "5101A0"),
    "card_id_code": (
        *(card[0] for card in CARDS[:3]),
        "510100000000FFFF" + "00" * 8,
        "AB" * 16,
        "ab" * 16,
    ),
    "card_number": ("Z00000013", "Z00000021", "Z99999999"),
    "diversification_factor": ("86845101C0000001", "86845101C00000FF", "86"),
    "algorithm": ("01", "03", "02"),
    "key_version": ("2", "0", "9", "256", "01"),
    "transaction_number": ("0", "1", "65535", "65536"),
    "transaction_type": ("31", "2", "3A"),
    "terminal_id": ("510100000001", "510100000002", "000000000000", "1"),
    "terminal_transaction_number": ("0", "1", "2", "9", "4294967295", "4294967296"),
    "time": (
        *("20260314101112", "20260316235959", "20260317000000", "20260229000000"),
        *("20260213235959", "20260214000000", "20260315240000", "20260315101160", "2026031510111A"),
    ),
    "account_amount_fen": ("0", "1", "-1"),
    "self_paid_amount_fen": ("0", "100"),
    "pooled_amount_fen": ("0", "100"),
    "tac": ("null", "00000000", "0000"),
    "grey": ("0", "1", "x"),
}
"""What a single cell may become; a cell beside that keeps it readable, or not."""


@dataclass(frozen=True)
class World:
    """What both judges get. ``runs`` are lists of files, by their place in ``files``."""

    law: Law
    files: tuple[File, ...]
    runs: tuple[tuple[int, ...], ...]
    batch_rows: int


@dataclass
class Sale:
    """A row being made; cells by name."""

    terminal: int
    date: int
    cells: dict[str, str]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Worlds of up to a dozen sales."""
    law = _law(draw)
    sales = _sales(draw, law)
    files = _files(draw, sales)
    numbers = list(range(len(files)))
    runs = draw(st.lists(st.lists(st.sampled_from(numbers), min_size=1, max_size=5), max_size=3))
    runs.append(draw(st.permutations(numbers)))
    return World(
        law,
        tuple(files),
        tuple(map(tuple, runs)),
        draw(st.sampled_from([1 << 21, 1, 4])),
    )


def _law(draw: st.DrawFn) -> Law:
    law = Law(roots())
    if draw(st.booleans()):
        law.register = [_registered(draw, at) for at in range(4) if at != 2 or draw(st.booleans())]
    if draw(st.booleans()):
        law.hot_version = VERSION
        since = st.sampled_from([None, "20260315101103", "20260316000000"])
        kinds = draw(st.lists(st.integers(0, 3), max_size=2))
        for kind in kinds:
            code, number, *_ = CARDS[draw(st.integers(0, 4))]
            if kind == 3:
                last = max(number, draw(st.sampled_from([card[1] for card in CARDS])))
                law.hot_ranges.append((number, last, draw(since)))
            else:
                law.hot_cards.append(
                    (code if kind != 1 else None, number if kind != 0 else None, draw(since))
                )
    if draw(st.booleans()):
        law.pharmacies = {
            "P51010000001": ({"510100000001", "510100000002"}, {TERMINALS[0][2], TERMINALS[1][2]}),
            "P51010000002": (set(), {TERMINALS[2][2]})
            if draw(st.integers(0, 4)) == 4
            else ({"510100000003"}, {TERMINALS[2][2]}),
        }
    law.cap_fen = draw(st.sampled_from([1_000_000, 0, 5000]))
    law.late_days = draw(st.sampled_from([30, 0]))
    return law


def _registered(draw: st.DrawFn, at: int) -> RegisteredCard:
    code, number, factor, _ = CARDS[at]
    lost: tuple[tuple[str, str | None], ...] = draw(
        st.sampled_from(
            [
                *[(), (), (("20260315101104", None),)],
                (("20260315101102", "20260315101106"),),
                (("20260301000000", "20260302000000"), ("20260316000000", None)),
            ]
        )
    )
    return RegisteredCard(
        code,
        number,
        factor,
        draw(st.sampled_from([f"P{at}", None, "P0"])),
        draw(st.sampled_from([None, None, "20260315", "20260101"])),
        0 if at else draw(st.sampled_from([0, 1500, 100_000])),
        lost,
    )


def _sales(draw: st.DrawFn, law: Law) -> list[Sale]:
    sales: list[Sale] = []
    numbers: dict[tuple[str, str], int] = {}
    counters: dict[int, int] = {}
    for n in range(draw(st.integers(1, 9))):
        before = [one for one in sales if one.cells["refd_setl_flag"] == "0"]
        kind = draw(st.sampled_from("ssssssrc")) if before else "s"
        if kind == "s":
            sale = _sale(draw, n, law, numbers, counters)
        else:
            sale = draw(st.sampled_from(before))
            sale = replace(sale, cells=dict(sale.cells))
            if kind == "r":
                _turn(draw, n, sale)
            sale.date = draw(st.integers(0, 1))
        if draw(st.integers(0, 3)) == 3:
            _mutate(draw, sale, law)
        sales.append(sale)
    return sales


def _sale(
    draw: st.DrawFn,
    n: int,
    law: Law,
    numbers: dict[tuple[str, str], int],
    counters: dict[int, int],
) -> Sale:
    at, card = draw(st.integers(0, 2)), draw(st.integers(0, 4))
    code, number, factor, algorithm = CARDS[card]
    pharmacy, terminal, _ = TERMINALS[at]
    count = numbers[terminal, algorithm] = numbers.get((terminal, algorithm), 0) + draw(
        st.sampled_from([1, 1, 1, 2, 3])
    )
    counter = counters[card] = counters.get(card, 0) + draw(st.sampled_from([1, 1, 1, 2, 0]))
    mode = draw(st.sampled_from((0, 2, 0, 2, 1) if card < 3 else (0, 1, 2)))
    account = draw(st.sampled_from([1000, 0, 400_000, 1]))
    fund, cash = (0, 0) if mode == 2 else draw(st.sampled_from([(2000, 500), (0, 0), (1, 700_000)]))
    total = account + fund + cash
    given = [(account, cash, fund), (0, total, account + fund), (0, total, total)][mode]
    date = draw(st.integers(0, 1))
    time = datetime.strptime(DATES[date] + "101100", "%Y%m%d%H%M%S") + timedelta(seconds=n)
    cells = {
        "setl_id": f"S{n}" if mode == 1 else "null",
        "mdtrt_id": f"V{n}" if mode == 1 else "null",
        "psn_no": _person(law, code) if mode == 1 else "null",
        "medfee_sumamt": yuan(total),
        "fund_pay_sumamt": yuan(fund),
        "acct_pay": yuan(account),
        "psn_cash_pay": yuan(cash),
        "refd_setl_flag": "0",
        "msgid": f"{pharmacy}{time:%Y%m%d%H%M%S}{n:04d}",
        "mdtrtarea_admvs": "510100",
        "insuplc_admdvs": "null" if draw(st.booleans()) else code[:6],
        "card_id_code": code,
        "card_number": number,
        "diversification_factor": factor,
        "algorithm": algorithm,
        "key_version": "1",
        "transaction_number": str(counter),
        "transaction_type": "32",
        "terminal_id": terminal,
        "terminal_transaction_number": str(count),
        "time": f"{time:%Y%m%d%H%M%S}",
        **{name: str(fen) for name, fen in zip(FEN, given, strict=True)},
        "tac": "null",
        "grey": "0",
    }
    sign(cells, law)
    how = draw(st.integers(0, 11))
    if how == 11:
        cells |= {"tac": "null", "grey": "1"}
    elif how == 10:
        cells["grey"] = "1"
    return Sale(at, date, cells)


def _person(law: Law, code: str) -> str:
    found = [card.psn_no for card in law.register or () if card.code == code]
    return (found[0] if found else None) or "null"


def sign(cells: dict[str, str], law: Law) -> None:
    """Put the card's TAC into a row, if its cells can be read."""
    row: dict[str, Any] = dict(cells)
    for name in ("key_version", "terminal_transaction_number", *FEN):
        row[name] = int(cells[name])
    cells["tac"] = tac(row, law.keys) or "12345678"


def _turn(draw: st.DrawFn, n: int, sale: Sale) -> None:
    """Make a sale its refund, whole or in part."""
    back = dict(sale.cells)
    fund, account, cash = (_fen(back[name]) for name in YUAN[1:])
    part = draw(st.sampled_from([(1, 1, 1), (0, 1, 1), (0, 0, 1), (1, 0, 0)]))
    shares = [x * y for x, y in zip((fund, account, cash), part, strict=True)]
    for name, fen in zip(YUAN, (sum(shares), *shares), strict=True):
        back[name] = yuan(-fen)
    number = draw(st.sampled_from((n, n, n, 9)))
    pharmacy = TERMINALS[sale.terminal][0]
    back |= {"refd_setl_flag": "1", "msgid": f"{pharmacy}202603162030{number:02d}0100"}
    sale.cells = back


def _mutate(draw: st.DrawFn, sale: Sale, law: Law) -> None:
    name = draw(st.sampled_from(NAMES))
    if name == "mdtrt_id":
        return
    sale.cells[name] = draw(st.sampled_from(MUTATIONS[name]))
    if draw(st.booleans()) and name != "tac":
        try:
            sign(sale.cells, law)
        except (ValueError, OverflowError):
            return


def _files(draw: st.DrawFn, sales: list[Sale]) -> list[File]:
    heaps: dict[tuple[int, int, int], list[str]] = {}
    for sale in sales:
        heap = (sale.date, sale.terminal, draw(st.sampled_from([0, 0, 0, 1])))
        heaps.setdefault(heap, []).append("\t".join(["D", *(sale.cells[name] for name in NAMES)]))
    return [
        make_file(TERMINALS[terminal], DATES[date], draw(st.sampled_from(_VERSIONS)), tuple(lines))
        for (date, terminal, _), lines in heaps.items()
    ]


_VERSIONS: Final = (VERSION, VERSION, "20260314.1", None)


def make_file(
    owner: tuple[str, str, str], date: str, version: str | None, lines: tuple[str, ...]
) -> File:
    """A file with the digest that its trailer has."""
    pharmacy, terminal, psam = owner
    file = File(pharmacy, terminal, date, version, psam, lines, "")
    return replace(file, digest=sha256(_body(file).encode()).hexdigest().upper())


def _body(file: File) -> str:
    head = ("H", "sscard-day/1", file.pharmacy, file.terminal, file.date,
            file.version or "null", file.psam)  # fmt: skip
    return "".join(f"{line}\n" for line in ("\t".join(head), *file.lines))


def text_of(file: File) -> str:
    """The file as it lies on the disk; sums of rows that cannot be read are zero."""
    sums = [0, 0, 0, 0]
    for line in file.lines:
        for at, cell in enumerate(line.split("\t")[4:8]):
            sums[at] += _fen(cell)
    cells = ("T", str(len(file.lines)), *map(yuan, sums), file.digest)
    return _body(file) + "\t".join(cells) + "\n"


def _fen(cell: str) -> int:
    whole, _, rest = cell.partition(".")
    return int(whole + rest) if len(rest) == 2 else 0


def yuan(fen: int) -> str:
    """Fen as a cell."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
