# SPDX-License-Identifier: Apache-2.0
"""A damaged image gives an error that says what is damaged, or the true data, never other data.

Above all not old data: the latest commit was answered, so no damage may take it back.
"""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from sscard_chip.memory import (
    CardImageError,
    Durability,
    Memory,
    create_image,
    load_image,
    open_image,
)
from sscard_chip.memory.image import JOURNAL_SIZE, open_medium
from sscard_chip.memory.journal import encode_frame
from tests.bench.account_cards import new_memory
from tests.memory.medium import Cut, Done, RamMedium, RecordingMedium

SIZE = 900
JOURNAL = 2200
"""Room for four commits: a record has 16 + 2 * 8 + 48 + 4 bytes, its copy the next sector."""
_HEADER = 4096
_SLOT = 4096


def _blank() -> RamMedium:
    rng = random.Random(7)
    return RamMedium(create_image(Memory(bytearray(rng.randbytes(SIZE))), journal_size=JOURNAL))


def _commit(medium: RamMedium, count: int, durability: Durability = Durability.OS) -> Memory:
    rng = random.Random(f"{count} {len(medium.read())}")
    memory = open_medium(medium, durability)
    for _ in range(count):
        memory.write(rng.randrange(SIZE - 40), rng.randbytes(40))
        memory.write(rng.randrange(SIZE - 8), rng.randbytes(8))
        memory.commit()
    return memory


def fresh() -> bytes:
    return _blank().read()


def with_journal() -> bytes:
    medium = _blank()
    _commit(medium, 3)
    return medium.read()


def with_full_journal() -> bytes:
    medium = _blank()
    _commit(medium, 4)
    return medium.read()


def after_compaction() -> bytes:
    medium = _blank()
    _commit(medium, 5)
    return medium.read()


def after_many_compactions() -> bytes:
    medium = _blank()
    _commit(medium, 19)
    return medium.read()


def after_closing_memory() -> bytes:
    medium = _blank()
    _commit(medium, 6)
    _commit(medium, 3, Durability.MEMORY).close()
    return medium.read()


def after_closing_memory_and_more() -> bytes:
    medium = RamMedium(after_closing_memory())
    _commit(medium, 2)
    return medium.read()


def _reopened(start: bytes, commits: int, choose: Callable[[Cut], bool]) -> bytes:
    """An image that was cut somewhere while writing, and then opened once and looked at."""
    medium = RecordingMedium(start, volatile=False)
    _commit(medium, commits)
    cut = next(cut for cut in medium.cuts(random.Random(8)) if choose(cut))
    opened = RamMedium(cut.content)
    open_medium(opened, Durability.OS)
    return opened.read()


def after_cut_commit() -> bytes:
    return _reopened(with_journal(), 1, lambda cut: cut.done is Done.RANDOM)


def after_half_written_commit() -> bytes:
    """The half that is there proves it."""
    return _reopened(with_journal(), 1, lambda cut: cut.done is Done.LAST_HALF)


def after_cut_cells() -> bytes:
    return _reopened(with_full_journal(), 1, lambda cut: (cut.index, cut.done) == (0, Done.RANDOM))


def after_cut_head() -> bytes:
    wanted = (1, Done.FIRST_HALF)
    return _reopened(with_full_journal(), 1, lambda cut: (cut.index, cut.done) == wanted)


def after_compaction_and_cut_commit() -> bytes:
    """The worst: the first commit over the journal that the other slot needs is half there."""
    return _reopened(with_full_journal(), 1, lambda cut: (cut.index, cut.done) == (2, Done.RANDOM))


def after_cut_closing() -> bytes:
    """Cut when the first of the two slots had been written."""
    medium = RecordingMedium(after_compaction(), volatile=False)
    _commit(medium, 3, Durability.MEMORY).close()
    wanted = (4, Done.NONE)
    cuts = medium.cuts(random.Random(9))
    return next(cut.content for cut in cuts if (cut.index, cut.done) == wanted)


IMAGES = [
    fresh,
    with_journal,
    with_full_journal,
    after_compaction,
    after_many_compactions,
    after_closing_memory,
    after_closing_memory_and_more,
    after_cut_commit,
    after_half_written_commit,
    after_cut_cells,
    after_cut_head,
    after_compaction_and_cut_commit,
    after_cut_closing,
]


def _check(image: bytes, true: bytes, at: int, bits: int) -> str:
    """Flip bits of one byte, load the image: the error's text, empty for the true data."""
    damaged = bytearray(image)
    damaged[at] ^= bits
    try:
        cells = load_image(bytes(damaged)).cells
    except CardImageError as error:
        return str(error)
    assert cells == true, f"byte {at} with {bits:02X} gives other data"
    return ""


@pytest.mark.parametrize("make", IMAGES)
def test_no_flipped_byte_gives_other_data(make: Callable[[], bytes]) -> None:
    """Every byte that is or has been in use, turned over whole and one bit of it."""
    image = make()
    true = bytes(load_image(image).cells)
    used = (range(128), *(range(at, at + 1_000) for at in (_HEADER, _HEADER + _SLOT)))
    unused = range(128, _HEADER + 2 * _SLOT, 41)
    journal = range(_HEADER + 2 * _SLOT, len(image))
    texts = {
        text
        for at in chain(*used, unused, journal)
        for bits in (0xFF, 1 << at * 5 % 8)
        if (text := _check(image, true, at, bits))
    }
    assert texts <= {
        "the memory slots of the card image are damaged",
        "memory slot A of the card image is damaged, and the journal does not lead to what it held",
        "memory slot B of the card image is damaged, and the journal does not lead to what it held",
        *(f"journal damaged: commit {number} is not readable" for number in range(30)),
    }


def test_images_are_as_different_as_they_should_be() -> None:
    """What the images above are there for: which slots are in use, where the truth lies."""
    images = {make.__name__: make() for make in IMAGES}
    assert len(set(images.values())) == len(images)

    def outcome(name: str, at: int) -> str:
        image = images[name]
        return _check(image, bytes(load_image(image).cells), at, 0x10)

    slot_a, slot_b = _HEADER + 60, _HEADER + _SLOT + 60
    journal = _HEADER + 2 * _SLOT
    assert "slots" in outcome("fresh", slot_a)
    assert outcome("fresh", slot_b) == outcome("fresh", journal) == ""
    assert outcome("with_journal", journal + 30) == ""  # the record is there twice
    assert "commit 1 " in outcome("after_compaction", slot_b)  # the old slot leads nowhere
    assert outcome("after_compaction", slot_a) == ""
    assert outcome("after_closing_memory", slot_a) == ""  # the slots are the same
    assert outcome("after_closing_memory", slot_b) == ""
    worst = outcome("after_compaction_and_cut_commit", slot_b)
    assert worst.startswith(("memory slot B", "journal damaged"))
    assert outcome("after_cut_closing", slot_a).startswith("memory slot A")


def test_no_flipped_byte_of_a_whole_card_gives_other_data() -> None:
    """A card of generation 3 with a day's debits; its unused zeros are sampled."""
    medium = RamMedium(create_image(new_memory("sm4", balance_fen=100_000)))
    memory = open_medium(medium, Durability.OS)
    rng = random.Random(10)
    for _ in range(330):
        for at, size in ((5_000, 27), (7_000 + rng.randrange(800), 28), (6_900, 2)):
            memory.write(at, rng.randbytes(size))
        memory.commit()
    image, true = medium.read(), bytes(memory.cells)
    unused = [at for at in range(len(image)) if not image[at]]
    chosen = [at for at in range(len(image)) if image[at]]
    errors = sum(
        bool(_check(image, true, at, bits))
        for at in (*rng.sample(chosen, 1_500), *rng.sample(unused, 300))
        for bits in (0xFF, 1 << rng.randrange(8))
    )
    assert errors > 200


def test_damage_of_several_bytes_is_an_error_too() -> None:
    """Both copies of one commit, with a later one behind it; a whole sector of a slot."""
    image = bytearray(with_journal())
    journal = _HEADER + 2 * _SLOT
    for copy in (596, 1024):  # behind the first frame, and at the next sector
        image[journal + copy + 40] ^= 1
    with pytest.raises(CardImageError, match="journal damaged: commit 2 is not readable"):
        load_image(bytes(image))
    image = bytearray(after_compaction())
    image[_HEADER + _SLOT : _HEADER + _SLOT + 512] = bytes(512)
    with pytest.raises(CardImageError, match="journal damaged: commit 1 is not readable"):
        load_image(bytes(image))


def test_recovery_restores_what_is_there_twice() -> None:
    """After damage the first opening leaves an image that stands the next damage."""
    image = with_journal()
    journal = _HEADER + 2 * _SLOT
    for at in (_HEADER + 5, journal + 2 * 84 + 20, journal + 5 * 84 + 20):
        damaged = bytearray(image)
        damaged[at] ^= 0x40
        medium = RamMedium(bytes(damaged))
        open_medium(medium, Durability.OS)
        assert medium.read() == image


@pytest.mark.parametrize("make", [fresh, with_journal, after_many_compactions])
def test_wrong_length_is_one_line(make: Callable[[], bytes], tmp_path: Path) -> None:
    image = make()
    path = tmp_path / "card.ssc"
    lengths = [*range(200), *range(200, len(image), 97), len(image) - 1, len(image) + 1]
    for length in lengths:
        path.write_bytes(image.ljust(length, b"\0")[:length])
        with pytest.raises(CardImageError) as caught:
            open_image(path)
        text = str(caught.value)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        if length < 8:
            assert "not a card image" in text
        elif length < 32:
            assert "header of the card image is cut off" in text
        else:
            assert f"has {length} bytes and should have {len(image)}" in text


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 300_000, b"{}\n", b"SQLite format 3\0" + bytes(4_096), b"SSCARD\r\n" * 600],
)
def test_foreign_file_is_not_a_card_image(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "card.ssc"
    path.write_bytes(content)
    with pytest.raises(CardImageError) as caught:
        open_image(path)
    assert str(caught.value) == f"{path}: not a card image"
    assert path.read_bytes() == content


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    for path in (pipe, sparse, Path("/dev/zero")):
        with pytest.raises(CardImageError, match="not a card image"):
            open_image(path)
    with pytest.raises(IsADirectoryError):
        open_image(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_image(tmp_path / "nothing")


def test_image_of_another_version_says_so() -> None:
    image = bytearray(fresh())
    for at in (0, 64):
        image[at + 8 : at + 10] = struct.pack(">H", 3)
        image[at + 28 : at + 32] = zlib.crc32(image[at : at + 28]).to_bytes(4)
    with pytest.raises(CardImageError, match="image version 3; this program reads up to 2"):
        load_image(bytes(image))


def test_content_of_a_file_cannot_pass_for_a_commit() -> None:
    """Whoever may write a file may write what looks like the record of a later commit."""
    forged = encode_frame(1_000_000, [(0, b"forged")], 0, 0)
    medium = _blank()
    for count in (4, 1):
        memory = open_medium(medium, Durability.OS)
        for _ in range(count):
            memory.write(100, forged)
            memory.commit()
        assert load_image(medium.read()).cells == memory.cells


def test_new_image_has_room_for_hundreds_of_debits_between_compactions() -> None:
    image = create_image(new_memory())
    assert len(image) == 4_096 + 2 * 69_632 + JOURNAL_SIZE
    medium = RecordingMedium(image, volatile=False)
    memory = open_medium(medium, Durability.OS)
    for count in range(250):
        memory.write(5_000, count.to_bytes(27))
        memory.write(7_000, bytes(28))
        memory.write(6_900, bytes(2))
        memory.commit()
    assert medium.events == 250
