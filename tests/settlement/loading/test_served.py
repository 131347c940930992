# SPDX-License-Identifier: Apache-2.0
"""``sscard pos load`` at a centre's address: 2106A, B and C over HTTP to ``settle serve``."""

from __future__ import annotations

import signal
from pathlib import Path

from sscard_chip.settlement.ledger import write_allocations
from tests.settlement.loading.test_commands import SLOTS, Run, run
from tests.settlement.serve.test_serve import Centre

__all__ = ["run"]


def test_a_till_loads_by_address(run: Run, ledger_url: str, tmp_path: Path) -> None:
    write_allocations("MARCH.tsv", "202603", "20260305", "1", [("P1", 12345)])
    assert run("settle", "allocate", "MARCH.tsv")[0] == 0
    centre = Centre(tmp_path, ledger_url)
    try:
        at = ("--authorisations", centre.url)
        code, out, err = run("pos", "balance", *SLOTS, *at)
        assert (code, err) == (0, "")
        assert "待划入金额                123.45" in out.splitlines()
        code, out, err = run("pos", "load", *SLOTS, *at)
        assert (code, err) == (0, "")
        assert "划入金额                  123.45" in out.splitlines()
        assert "nothing to load" in run("pos", "load", *SLOTS, *at)[1]
    finally:
        centre.end(signal.SIGTERM)
    code, out, _ = run("settle", "reconcile", "card", "card.ssc")
    assert (code, out.splitlines()[-1]) == (0, "even 对平")
    code, out, err = run("pos", "load", *SLOTS, *at)
    assert (code, out) == (1, "")
    assert "the centre cannot be reached" in err
