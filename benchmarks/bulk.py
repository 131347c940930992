# SPDX-License-Identifier: Apache-2.0
"""Rows 6 to 8: TACs in lanes against TACs one by one, each debit under a key of its own.

The columns are there in both cases; one by one they are byte strings already. ``rows`` also
draws what a TAC costs against the number of debits, into ``build/bulk-tac.png``, when matplotlib
is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC

from benchmarks.paired import one_core
from benchmarks.rows import Paired, Row, UnavailableError, no_garbage_collection, paired

try:
    import numpy as np
    from numpy.typing import NDArray

    from sscard_chip.security.suite import SUITES
    from sscard_chip.settlement.tac.bulk import BulkMacs
    from sscard_chip.settlement.tac.onebyone import macs_one_by_one
except ImportError as error:
    raise UnavailableError(str(error)) from error

PLOT: Final = Path(__file__).resolve().parent.parent / "build" / "bulk-tac.png"
PAIRS: Final = 40
DES_ROWS: Final = 262_144
SM4_ROWS: Final = 16_384
ONE_BY_ONE: Final = 4_000
SIZES: Final = (1, 2, 5, 10, 30, 70, 90, 100, 110, 150, 300, 800, 1000, 1200, 2000, 5000, 20_000)
PLOTTED: Final = tuple(round(10 ** (power / 2)) for power in range(6, 15))
MOST_ONE_BY_ONE: Final = 100_000

_WINDOW_NS: Final = 2_000_000

Tac = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True)
class Debits:
    """Random debits; ``cards`` of them have a key of their own."""

    keys: NDArray[np.uint8]
    which: NDArray[np.intp]
    messages: NDArray[np.uint8]

    @classmethod
    def make(cls, rows: int, cards: int) -> Debits:
        """``rows`` debits, those of a card side by side."""
        random = np.random.default_rng(rows)
        which = np.arange(rows) * cards // rows
        messages = random.integers(0, 256, (rows, 30), np.uint8)
        return cls(random.integers(0, 256, (cards, 16), np.uint8), which, messages)

    def pairs(self, count: int) -> list[tuple[bytes, bytes]]:
        """Key and padded message of the first ``count``."""
        return [
            (self.keys[self.which[at]].tobytes(), self.messages[at].tobytes() + b"\x80\0")
            for at in range(count)
        ]


# --- one by one ----------------------------------------------------------------------------------


def kept(suite: str) -> Tac:
    """A TAC the fastest way that ``cryptography`` has when the key is another each time."""
    if suite == "3des":
        mode, number = CBC(bytes(8)), int.from_bytes

        def des(key: bytes, message: bytes) -> bytes:
            folded = (number(key[:8]) ^ number(key[8:])).to_bytes(8)
            return Cipher(TripleDES(folded * 3), mode).encryptor().update(message)[-8:-4]

        return des
    mode, number = CBC(bytes(16)), int.from_bytes

    def sm4(key: bytes, message: bytes) -> bytes:
        value = number(Cipher(SM4(key), mode).encryptor().update(message)[-16:])
        value ^= value >> 64
        return ((value ^ value >> 32) & 0xFFFFFFFF).to_bytes(4)

    return sm4


def fresh_des(key: bytes, message: bytes) -> bytes:
    """A TAC of the DES suite with new objects for everything, as programs are first written."""
    folded = bytes(left ^ right for left, right in zip(key[:8], key[8:], strict=True))
    encryptor = Cipher(TripleDES(folded * 3), CBC(bytes(8))).encryptor()
    return (encryptor.update(message) + encryptor.finalize())[-8:-4]


def _loop(tac: Tac, pairs: Sequence[tuple[bytes, bytes]]) -> Callable[[], list[bytes]]:
    return lambda: [tac(key, message) for key, message in pairs]


# --- measuring -----------------------------------------------------------------------------------


def compare(first: Callable[[], object], second: Callable[[], object], pairs: int) -> Paired:
    """Nanoseconds of both, on one core."""
    with one_core():
        return paired(first, second, time.thread_time_ns, pairs=pairs)


def in_lanes(suite: str, debits: Debits) -> Callable[[], NDArray[np.uint8]]:
    """All TACs of some debits in bulk."""
    bulk = BulkMacs()
    return lambda: bulk.macs(suite, debits.keys, debits.which, debits.messages)


def _against(number: int, suite: str, rows: int, name: str, tac: Tac, goal: float) -> Row:
    debits = Debits.make(rows, rows)
    lanes, single = in_lanes(suite, debits), _loop(tac, debits.pairs(ONE_BY_ONE))
    if lanes()[:ONE_BY_ONE].tobytes() != b"".join(single()):
        raise RuntimeError(f"{name} gives other TACs")
    times = compare(single, lanes, PAIRS)
    each = times.first / ONE_BY_ONE, times.second / rows
    return Row(
        number,
        f"TAC one by one, {name} / bulk, {suite.upper()}, {rows:,} debits",
        times.ratio * rows / ONE_BY_ONE,
        goal,
        ">=",
        f"{each[0] / 1000:.2f} / {each[1] / 1000:.3f} µs, {1e3 / each[1]:.1f} million/s and core",
    )


def _any_size() -> Row:
    """The worst of all sizes and both suites, with a key for each debit and one for ten."""
    worst: list[tuple[float, str]] = []
    for suite in SUITES:
        bulk = BulkMacs()
        for rows in SIZES:
            for cards in {rows, -(-rows // 10)}:
                debits = Debits.make(rows, cards)
                ratio = _size(bulk, suite, debits)
                worst.append((ratio, f"{suite.upper()}, {rows} debits of {cards} cards"))
    ratio, where = min(worst)
    what = f"TAC one by one / bulk, the worst of {len(worst)} sizes from 1 up"
    return Row(8, what, ratio, 0.95, ">=", f"at {where}")


def _size(bulk: BulkMacs, suite: str, debits: Debits) -> float:
    arguments = debits.keys, debits.which, debits.messages

    def single() -> None:
        macs_one_by_one(SUITES[suite], *arguments)

    def lanes() -> None:
        bulk.macs(suite, *arguments)

    lanes()
    began = time.thread_time_ns()
    single()
    taken = time.thread_time_ns() - began
    times = max(1, _WINDOW_NS // taken)

    def repeated(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(times):
                work()

        return run

    pairs = max(9, min(150, 400_000_000 // (times * taken)))
    return compare(repeated(single), repeated(lanes), pairs).ratio


def rows() -> list[Row]:
    """Measure and return rows 6, 7 and 8; draw the plot if that can be."""
    found = [
        _against(6, "3des", DES_ROWS, "kept objects", kept("3des"), 30),
        _against(6, "3des", DES_ROWS, "fresh objects", fresh_des, 45),
        _against(7, "sm4", SM4_ROWS, "kept objects", kept("sm4"), 15),
        _any_size(),
    ]
    draw(PLOT, PLOTTED)
    return found


# --- the plot ------------------------------------------------------------------------------------


def draw(path: Path, sizes: Sequence[int]) -> bool:
    """Draw the cost of a TAC against size, for both suites; False without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for suite, colour in (("3des", "tab:blue"), ("sm4", "tab:red")):
        single = [size for size in sizes if size <= MOST_ONE_BY_ONE]
        costs = [cost_one_by_one(suite, size) for size in single]
        axes.plot(single, costs, "o--", color=colour, label=f"{suite.upper()}, one by one")
        costs = [cost_in_bulk(suite, size) for size in sizes]
        axes.plot(sizes, costs, "o-", color=colour, label=f"{suite.upper()}, bulk")
    axes.set(xscale="log", yscale="log", xlabel="debits, each of another card")
    axes.set(ylabel="µs for a TAC, one core", title="Bulk TAC: cost against size")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return True


def cost_in_bulk(suite: str, size: int) -> float:
    """Microseconds for a TAC in bulk."""
    return _cost(in_lanes(suite, Debits.make(size, size)), size)


def cost_one_by_one(suite: str, size: int) -> float:
    """Microseconds for a TAC one by one."""
    return _cost(_loop(kept(suite), Debits.make(size, size).pairs(size)), size)


def _cost(work: Callable[[], object], size: int) -> float:
    best = float("inf")
    with one_core(), no_garbage_collection():
        work()
        for _ in range(max(2, min(9, 2_000_000 // size))):
            began = time.thread_time_ns()
            work()
            best = min(best, time.thread_time_ns() - began)
    return best / size / 1000
