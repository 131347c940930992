# SPDX-License-Identifier: Apache-2.0
"""From the function that the C side calls to :class:`SkfLibrary` in the embedded interpreter."""

from __future__ import annotations

from typing import Any

from sscard_driver.bridge import process_terminal
from sscard_driver.skf.library import SkfLibrary
from sscard_driver.skf.memory import SkfValue


def define_skf_call(ffi: Any) -> None:
    """Define ``skf_call``. ``ffi`` is that of the module that cffi made."""
    library = SkfLibrary(process_terminal())

    @ffi.def_extern(error=0, onerror=_forget)  # type: ignore[untyped-decorator]
    def skf_call(function: Any, values: Any, count: int, answer: Any) -> int:
        given = [
            SkfValue(ffi, int(values[index].number), values[index].pointer)
            for index in range(count)
        ]
        answer[0] = library.call(ffi.string(function).decode("ascii"), given)
        return 1


def _forget(*_: object) -> None:
    """cffi would print the exception, and with it perhaps what a card has said."""
