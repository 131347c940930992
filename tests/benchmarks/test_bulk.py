# SPDX-License-Identifier: Apache-2.0
"""What the rows of bulk TAC compare is the same work, and the plot is drawn."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import bulk, libcrypto
from benchmarks.bulk import Debits
from benchmarks.rows import UnavailableError

DEBITS = Debits.make(120, 12)


@pytest.mark.parametrize(
    ("suite", "tac"),
    [("3des", bulk.kept("3des")), ("3des", bulk.fresh_des), ("sm4", bulk.kept("sm4"))],
)
def test_one_by_one_computes_what_lanes_compute(suite: str, tac: bulk.Tac) -> None:
    single = [tac(key, message) for key, message in DEBITS.pairs(120)]
    assert b"".join(single) == bulk.in_lanes(suite, DEBITS)().tobytes()
    assert len(set(single)) == 120


def compiler() -> None:
    if shutil.which("gcc") is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("CI must have a C compiler", pytrace=False)
        pytest.skip("no C compiler (apt-get install gcc)")


def test_the_loop_in_c_computes_what_lanes_compute(tmp_path: Path) -> None:
    compiler()
    assert libcrypto.build(tmp_path)(DEBITS) == bulk.in_lanes("3des", DEBITS)().tobytes()


def test_a_loop_that_cannot_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler()
    with monkeypatch.context() as patch:
        patch.setattr(libcrypto, "_SOURCE", "this is not C")
        with pytest.raises(UnavailableError, match="a C program with the DES functions"):
            libcrypto.build(tmp_path)
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(UnavailableError, match="no C compiler"):
            libcrypto.build(tmp_path)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(UnavailableError, match="libcrypto is not installed"):
        libcrypto.build(tmp_path)


def test_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With few debits: the numbers of the rows, what is compared, and the plot."""
    monkeypatch.setattr(bulk, "DES_ROWS", 64)
    monkeypatch.setattr(bulk, "SM4_ROWS", 64)
    monkeypatch.setattr(bulk, "ONE_BY_ONE", 40)
    monkeypatch.setattr(bulk, "PAIRS", 2)
    monkeypatch.setattr(bulk, "SIZES", (1, 20))
    monkeypatch.setattr(bulk, "PLOT", tmp_path / "build" / "plot.png")
    monkeypatch.setattr(bulk, "PLOTTED", (10, 20))
    found = bulk.rows()
    assert [(row.number, row.goal) for row in found] == [(6, 30), (6, 45), (7, 15), (8, 0.95)]
    assert (tmp_path / "build" / "plot.png").read_bytes()[:4] == b"\x89PNG"


def test_no_plot_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not bulk.draw(tmp_path / "plot.png", (10,))
    assert list(tmp_path.iterdir()) == []


def test_wrong_tacs_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "ONE_BY_ONE", 10)
    with pytest.raises(RuntimeError, match="wrong ones gives other TACs"):
        bulk._against(6, "3des", 20, "wrong ones", lambda key, message: message[:4], 30)
