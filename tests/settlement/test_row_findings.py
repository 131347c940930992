# SPDX-License-Identifier: Apache-2.0
"""Tables of our own tell all that is wrong with them at once, the first twenty in words."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.dayfile.text import read_day
from sscard_chip.settlement.ledger.files import read_allocations, read_cards
from sscard_chip.standard.errors import InputError

CODE = "510100D156000005" + "00000001" + "00000000"
GOOD = {
    "C": f"C\tZ00000013\t{CODE}\t510100\tnull\t0123456789ABCDEF\tnull\t0",
    "A": f"A\t{CODE}\t100",
    "P": "P\tP51010000001\t虚构药房\t510100\tnull\tnull",
    "R": "R\tZ00000013\tZ00000021\tnull",
}


def sealed(path: Path, *lines: str) -> Path:
    content = "".join(f"{line}\n" for line in lines).encode()
    digest = sha256(content).hexdigest().upper()
    path.write_bytes(content + f"T\t{len(lines) - 1}\t{digest}\n".encode())
    return path


CASES: list[tuple[Callable[[Path], Any], tuple[str, ...], str]] = [
    (
        Pharmacies.load,
        ("H\tsscard-pharmacies/1", GOOD["P"], "P\t!\t虚\t5101\tx\tnull", GOOD["P"], "Q"),
        "row 3: fixmedins_code: must be letters and digits; division: must be 6 digits; terminal"
        " ids: must be 12 digits each; row 4: fixmedins_code: stands in an earlier row;"
        " row 5: must be P and 5 more cells",
    ),
    (
        Hotlist.load,
        (
            "H\tsscard-hotlist/1\t1",
            "X\ta\tb\t1",
            GOOD["R"],
            "R\tZ9\tZ1\tnull",
            "C\tA1\tnull\tnull",
            "C\tnull\tnull\tnever",
        ),
        "row 2: since: must be YYYYMMDDhhmmss or null; must begin with C or R; row 4: range: must"
        " run upwards, both ends of one length; row 5: card_id_code: must be 32 hex digits; row 6:"
        " since: must be YYYYMMDDhhmmss or null; must name a card_id_code or a card_number",
    ),
]


@pytest.mark.parametrize(("load", "lines", "message"), CASES)
def test_all_findings_at_once(
    load: Callable[[Path], Any], lines: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    path = sealed(tmp_path / "t.tsv", *lines)
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_registers_and_allocations(tmp_path: Path) -> None:
    cards = sealed(tmp_path / "c.tsv", "H\tsscard-cards/1\t20261301", "C\tx", GOOD["C"], "D")
    with pytest.raises(InputError) as caught:
        read_cards(cards)
    text = str(caught.value)
    assert text.startswith(f"{cards}: row 1: date: must be YYYYMMDD; row 2: must be C and ")
    assert "; row 4: must be C and " in text
    head = "H\tsscard-allocations/1\t202613\t2026\tb b"
    allocations = sealed(tmp_path / "a.tsv", head, "A\t?\t-1", GOOD["A"])
    with pytest.raises(InputError) as caught:
        read_allocations(allocations)
    text = str(caught.value)
    assert "row 1: month: must be YYYYMM; row 1: business date: must be YYYYMMDD" in text
    assert "row 1: batch: must be 1 to 40 ASCII characters; row 2: " in text
    assert text.endswith("row 2: fen: must be a number of fen above 0")


def test_the_list_is_bounded(tmp_path: Path) -> None:
    path = sealed(tmp_path / "p.tsv", "H\tsscard-pharmacies/1", *["Q"] * 5000)
    with pytest.raises(InputError) as caught:
        Pharmacies.load(path)
    text = str(caught.value)
    assert text.count("; row ") == 19
    assert text.endswith("; and 4980 more")


def test_a_day_file(tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    path.write_text("H\tsscard-day/1\tP1\t12\t2026\tnull\t1\nD\tx\nE\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_day(path)
    text = str(caught.value)
    assert text.startswith(
        f"{path}: row 1: header: terminal_id: must be 12 digits;"
        " header: business date: must be 8 digits; row 2: "
    )
    assert "; row 3: " in text
