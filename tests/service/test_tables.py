# SPDX-License-Identifier: Apache-2.0
"""Tables that others make: a return file or a list of holders that is none is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.standard.errors import InputError
from sscard_service.tables import table_rows


class NoListError(InputError):
    pass


def read(path: Path) -> list[tuple[int, dict[str, str]]]:
    return list(table_rows(path, ("a", "b"), NoListError, "list"))


def test_rows_by_the_names_of_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffb,other,a\r\n林,x,1\r\n\r\n2\r\n".encode())
    assert read(path) == [(2, {"a": "1", "b": "林"}), (3, {"a": "", "b": "2"})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "row 1: is no list, it has no column a"),
        (b"a,c\n1,2\n", "row 1: is no list, it has no column b"),
        ("a,b\n1,姓名\n".encode("gbk"), "row 1: is no list, it is not UTF-8"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "row 1: is no list, field larger than field limit"),
    ],
    ids=["empty", "another", "gbk", "long"],
)
def test_a_table_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(NoListError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert str(caught.value).count("\n") == 0
