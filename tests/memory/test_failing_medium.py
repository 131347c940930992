# SPDX-License-Identifier: Apache-2.0
"""A disk that is full or broken: 6581, nothing changed, reads go on, and nothing is promised."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import (
    CardMemoryError,
    Durability,
    Memory,
    create_image,
    open_image,
)
from sscard_chip.memory.image import open_medium
from sscard_chip.standard.commands import GET_TRANSACTION_PROOF
from sscard_chip.standard.messages.medical import PROOF
from tests.bench.account import DF04, PURCHASE, SSSE, Terminal
from tests.bench.account_cards import new_memory
from tests.bench.exchange import RefusedError
from tests.memory.medium import FailingMedium, RamMedium

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))
JOURNAL_SIZE = 2600
TIME = "20240315101112"


def _image() -> bytes:
    return create_image(new_memory("3des", balance_fen=10_000), journal_size=JOURNAL_SIZE)


def _terminal(card: Card) -> Terminal:
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    terminal.open_account()
    return terminal


# A debit is a write and a sync; the third finds the journal full: four more before it.
@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("good", range(14))
@pytest.mark.parametrize("error", [NO_SPACE, BROKEN], ids=["ENOSPC", "EIO"])
def test_failed_commit_answers_6581_and_changes_nothing(
    error: OSError, good: int, partial: bool
) -> None:
    medium = FailingMedium(_image(), good, error, partial=partial)
    memory = open_medium(medium, Durability.DISK)
    card = Card(memory)
    terminal = _terminal(card)
    done = 0
    while True:
        before = bytes(memory.cells)
        purchase = terminal.initialize_purchase(100)
        sw = terminal.sw(terminal.debit_command(purchase, TIME))
        if sw != 0x9000:
            break
        done += 1
    assert sw == 0x6581
    assert memory.failed
    assert bytes(memory.cells) == before
    _still_reads(terminal, done)
    _writes_no_more(terminal, memory)
    assert bytes(memory.cells) == before

    again = _terminal(Card(open_medium(RamMedium(medium.read()), Durability.DISK)))
    arrived = again.proof(PURCHASE, done) is not None
    assert again.balance() == 10_000 - 100 * (done + arrived)
    assert len(again.log()) == done + arrived
    assert again.buy(1).number == done + arrived


def _still_reads(terminal: Terminal, done: int) -> None:
    # Whether the purchase was made is not known before the card is opened again.
    assert (
        terminal.sw(GET_TRANSACTION_PROOF.apdu(p2=PURCHASE, data=PROOF.build({"number": done})))
        == 0x6581
    )
    assert terminal.balance() == 10_000 - 100 * done
    assert len(terminal.log()) == done
    terminal.select_name(SSSE)
    assert terminal.ok("00B2032C00")[:2] == b"\x03\x04"


def _writes_no_more(terminal: Terminal, memory: Memory) -> None:
    terminal.select_name(SSSE)
    # A wrong try could not be counted, so no try is taken.
    assert terminal.authenticate(0x04, "UKSSSE") == 0x6581
    assert terminal.authenticate(0x04, "UKSSSE", wrong=True) == 0x6581
    assert terminal.verify() == 0x6581
    assert terminal.verify("000000") == 0x6581
    assert terminal.sw("805E010006 123456 FF 8866") == 0x6581
    terminal.select_name(DF04)
    purchase = terminal.initialize_purchase(100)
    assert terminal.sw(terminal.debit_command(purchase, TIME)) == 0x6581
    memory.write(0, b"x")
    with pytest.raises(CardMemoryError):
        memory.commit()


def test_error_without_a_text_is_one_too() -> None:
    medium = FailingMedium(_image(), 0, OSError("a medium of another kind"))
    memory = open_medium(medium, Durability.OS)
    memory.write(0, b"x")
    with pytest.raises(CardMemoryError, match="write failed"):
        memory.commit()


def test_commit_that_is_larger_than_the_journal_is_refused_alone() -> None:
    memory = open_medium(RamMedium(_image()), Durability.OS)
    before = bytes(memory.cells)
    memory.write(0, bytes(JOURNAL_SIZE))
    with pytest.raises(CardMemoryError, match="larger than the journal"):
        memory.commit()
    assert memory.cells == before
    memory.write(0, b"x")
    memory.commit()
    assert memory.cells[:1] == b"x"


class InterruptedMedium(RamMedium):
    """Ctrl-C arrives while the medium writes."""

    def write(self, offset: int, data: bytes) -> None:
        super().write(offset, data)
        raise KeyboardInterrupt


def test_interrupted_commit_is_not_built_upon() -> None:
    """The medium has a commit that the cells have not: a next one would mix the two."""
    medium = InterruptedMedium(_image())
    memory = open_medium(medium, Durability.OS)
    before = bytes(memory.cells)
    memory.write(0, b"x")
    with pytest.raises(KeyboardInterrupt):
        memory.commit()
    assert memory.cells == before
    memory.write(1, b"y")
    with pytest.raises(CardMemoryError):
        memory.commit()
    recovered = open_medium(RamMedium(medium.read()), Durability.OS).cells
    assert recovered[:1] == b"x"
    assert recovered[1:] == before[1:]


@pytest.mark.parametrize("durability", Durability)
def test_closed_card_takes_no_commit(durability: Durability) -> None:
    """It could not keep it: 6581, and closing twice is closing once."""
    medium = RamMedium(_image())
    card = Card(open_medium(medium, durability))
    terminal = _terminal(card)
    terminal.buy(100)
    card.close()
    card.close()
    assert medium.closed
    card.power_on()
    terminal = Terminal(card.transmit, "3des")
    terminal.select_name(SSSE)
    assert terminal.verify() == 0x6581
    with pytest.raises(CardMemoryError):
        card.files.memory.commit()
    assert _terminal(Card(open_medium(medium, durability))).balance() == 9_900


def test_failed_close_says_so_and_keeps_the_card_as_it_was() -> None:
    for good in range(8):
        medium = FailingMedium(_image(), good, BROKEN, partial=True)
        card = Card(open_medium(medium, Durability.MEMORY))
        _terminal(card).buy(100)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            card.close()
        assert medium.closed
        recovered = open_medium(RamMedium(medium.read()), Durability.OS)
        balance = _terminal(Card(recovered)).balance()
        assert balance in ((10_000,) if good < 2 else (9_900, 10_000))


def test_full_disk_under_a_real_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short writes are finished; what the system refuses is 6581."""
    path = tmp_path / "card.ssc"
    path.write_bytes(_image())
    card = Card(open_image(path))
    terminal = _terminal(card)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:7], at))
    terminal.buy(100)
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: os.write(full, data))
    with pytest.raises(RefusedError, match="6581"):
        terminal.buy(100)
    monkeypatch.undo()
    with pytest.raises(RefusedError, match="6581"):
        terminal.buy(100)
    os.close(full)
    card.close()
    with Card.open(path) as again:
        assert _terminal(again).balance() == 9_900


def test_medium_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.ssc"
    path.write_bytes(_image())
    memory = open_image(path, Durability.DISK)
    sizes = iter((3, 0))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: next(sizes))
    memory.write(0, b"x")
    with pytest.raises(CardMemoryError):
        memory.commit()
    memory.close()
