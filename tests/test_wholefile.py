# SPDX-License-Identifier: Apache-2.0
"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sscard_chip.wholefile import staged_file, whole_file
from sscard_cli.output import write_file


@pytest.mark.parametrize("durable", [False, True])
def test_the_file_is_there_when_the_block_ends_well(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"older")
    with whole_file(path, durable=durable) as new:
        new.write_bytes(b"newer")
        assert path.read_bytes() == b"older"
    assert path.read_bytes() == b"newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"older")

    def fail() -> None:
        with whole_file(path) as new:
            new.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "out"):
        pass


@pytest.mark.parametrize(
    "write", [lambda path: whole_file(path).__enter__(), lambda path: staged_file(path, b"x")]
)
def test_an_error_names_the_file_that_was_asked_for(
    tmp_path: Path, write: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        write(Path("none/x.json"))
    assert caught.value.filename == "none/x.json"


def test_a_folder_is_not_replaced_and_is_named(tmp_path: Path) -> None:
    place = tmp_path / "x.json"
    place.mkdir()
    with pytest.raises(IsADirectoryError) as caught, whole_file(place):
        pass
    assert caught.value.filename == str(place)
    assert list(tmp_path.iterdir()) == [place]


def write_whole(path: Path) -> None:
    with whole_file(path) as new:
        new.write_bytes(b"x")


WAYS = [write_whole, lambda path: staged_file(path, b"x"),
        lambda path: write_file(path, lambda new: None, force=True)]  # fmt: skip


@pytest.mark.parametrize("write", WAYS)
def test_no_file_takes_the_place_of_a_pipe_or_a_device(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, Path("/dev/null")):
        with pytest.raises(OSError, match="a device or a pipe, no file") as caught:
            write(place)
        assert caught.value.filename == str(place)
        assert not place.is_file()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("write", [WAYS[0], WAYS[2]])
def test_of_a_link_it_is_what_that_names(tmp_path: Path, write: Callable[[Path], object]) -> None:
    link, place = tmp_path / "link", tmp_path / "place"
    place.write_bytes(b"older")
    link.symlink_to(place)
    write(link)
    assert link.is_symlink()
    assert place.read_bytes() != b"older"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
