# SPDX-License-Identifier: Apache-2.0
"""The functions that the shared library exports, and their signatures in C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.terminal.driver import FUNCTIONS, Parameter
from sscard_chip.terminal.driver.functions import SMALL
from sscard_driver import hsm


@dataclass(frozen=True, slots=True)
class Export:
    """``long name(parameters..., char *pOutInfo)``; ``buffer`` is the size of pOutInfo in bytes."""

    name: str
    parameters: tuple[Parameter, ...]
    buffer: int

    @property
    def signature(self) -> str:
        """The function's head in C, as in SSCardDriver.h.

        >>> EXPORTS["iReloadPIN"].signature
        'long iReloadPIN(int iType, char *pCardInfo, char *pOutInfo)'
        """
        types = {int: "int ", str: "char *"}
        names = [types[parameter.type] + parameter.name for parameter in self.parameters]
        return f"long {self.name}({', '.join([*names, 'char *pOutInfo'])})"


EXPORTS: Final = {
    name: Export(name, function.parameters, function.buffer) for name, function in FUNCTIONS.items()
} | {hsm.NAME: Export(hsm.NAME, hsm.PARAMETERS, SMALL)}
