# SPDX-License-Identifier: Apache-2.0
"""From the function that glue.c calls to :class:`DriverLibrary` in the embedded interpreter."""

from __future__ import annotations

from functools import cache
from typing import Any

from sscard_driver.library import INPUT_LIMIT, DriverLibrary
from sscard_driver.terminal import SharedTerminal


@cache
def process_terminal() -> SharedTerminal:
    """One for the process, whatever libraries it loads."""
    return SharedTerminal()


@cache
def _library() -> DriverLibrary:
    return DriverLibrary(terminal=process_terminal())


def define_call(ffi: Any, name: str) -> None:
    """Define ``sscard_call`` (see call.h) of a library.

    ``ffi`` is that of the module that cffi made.
    """

    @ffi.def_extern(error=0, onerror=_forget)  # type: ignore[untyped-decorator]
    def sscard_call(
        function: Any, arguments: Any, count: int, buffers: Any, number: int, code: Any
    ) -> int:
        values = [_value(ffi, arguments[index]) for index in range(count)]
        sizes = [buffers[index].size for index in range(number)]
        called = ffi.string(function).decode("ascii")
        code[0], texts = _library().answer(name, called, values, sizes)
        for index, text in enumerate(texts):
            ffi.memmove(buffers[index].data, text, len(text))
        return 1


def _value(ffi: Any, argument: Any) -> int | bytes:
    if argument.text == ffi.NULL:
        return int(argument.number)
    text: bytes = ffi.string(argument.text, INPUT_LIMIT)
    return text


def _forget(*_: object) -> None:
    """cffi would print the exception, and with it perhaps what a card has said."""
