# SPDX-License-Identifier: Apache-2.0
"""A gate's journal as a file: whose it is, and that nothing of a refused tap is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.terminal.transit.taps import FileTapJournal

KEY = (b"01015510001", bytes(8))


def test_one_program_has_it(tmp_path: Path) -> None:
    path = tmp_path / "gate.journal"
    with FileTapJournal(path) as first:
        first.remember(KEY)
        with pytest.raises(DayFileError, match="another program has this journal"):
            FileTapJournal(path)
    with FileTapJournal(path) as again:
        assert again.remembered == {KEY}


def test_one_in_which_nothing_was_written_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "gate.journal"
    with FileTapJournal(path):
        assert path.exists()
    assert list(tmp_path.iterdir()) == []
    with FileTapJournal(path) as journal:
        journal.remember(KEY)
    assert path.stat().st_size


def test_one_that_cannot_be_read_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "gate.journal"
    path.write_bytes(b"{}\n")
    for _ in range(2):  # and not "another program has this journal"
        with pytest.raises(DayFileError, match="row 1: is no line of a gate's journal"):
            FileTapJournal(path)
    assert path.read_bytes() == b"{}\n"
