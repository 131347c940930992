# SPDX-License-Identifier: Apache-2.0
"""Copying bytes out of and into the cells.

``bytes(cells[a:b])`` and ``cells[a:b] = data`` each make a bytearray in between; a compiled
``struct`` of the right length does without, in half the time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final


class _ByLength(dict[int, Callable[..., Any]]):
    """A method of the ``struct`` for each length, made on first use."""

    __slots__ = ("_method",)

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    def __missing__(self, length: int) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(struct.Struct(f"{length}s"), self._method)
        self[length] = method
        return method


READ: Final = _ByLength("unpack_from")
"""``READ[length](cells, offset)[0]``"""

WRITE: Final = _ByLength("pack_into")
"""``WRITE[len(data)](cells, offset, data)``"""
