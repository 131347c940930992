# SPDX-License-Identifier: Apache-2.0
"""From the function that glue.c calls to :class:`DriverLibrary` in the embedded interpreter."""

from __future__ import annotations

from typing import Any

from sscard_driver.exports import EXPORTS
from sscard_driver.library import INPUT_LIMIT, DriverLibrary


def define_call(ffi: Any) -> None:
    """Define ``sscard_call`` (see call.h). ``ffi`` is that of the module that cffi made."""
    library = DriverLibrary()

    @ffi.def_extern(error=0, onerror=_forget)  # type: ignore[untyped-decorator]
    def sscard_call(function: Any, arguments: Any, count: int, out: Any, code: Any) -> int:
        values = [_value(ffi, arguments[index]) for index in range(count)]
        name = ffi.string(function).decode("ascii")
        code[0], data = library.call(name, values, EXPORTS[name].buffer)
        ffi.memmove(out, data, len(data))
        return 1


def _value(ffi: Any, argument: Any) -> int | bytes:
    if argument.text == ffi.NULL:
        return int(argument.number)
    text: bytes = ffi.string(argument.text, INPUT_LIMIT)
    return text


def _forget(*_: object) -> None:
    """cffi would print the exception, and with it perhaps what a card has said."""
