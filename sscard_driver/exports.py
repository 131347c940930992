# SPDX-License-Identifier: Apache-2.0
"""What a library exports: functions, their parameters and buffers, and their heads in C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sscard_chip.terminal.driver import FUNCTIONS, Parameter
from sscard_chip.terminal.driver.functions import SMALL
from sscard_driver import hsm

Result: TypeAlias = Literal["long", "int", "char *"]

_TYPES: Final = {int: "int ", str: "char *"}


@dataclass(frozen=True, slots=True)
class Out:
    """A buffer of the caller for one string.

    It has ``size`` bytes, the final NUL included, or, where ``length`` is the name of the
    parameter behind it, as many as that one says.
    """

    name: str
    size: int = 0
    length: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """``result name(parameters..., buffers...)``.

    ``optional`` has the parameters that may be NULL, which is as if they were empty. A ``char *``
    is a pointer to a text that stays: "0000" for 0, else "9999".
    """

    name: str
    parameters: tuple[Parameter, ...]
    outs: tuple[Out, ...] = ()
    result: Result = "long"
    optional: frozenset[str] = frozenset()

    @property
    def buffer(self) -> int:
        """Size in bytes of the first buffer, pOutInfo of LD/T 33."""
        return self.outs[0].size

    @property
    def words(self) -> int:
        """Number of parameters in C."""
        return len(self.parameters) + len(self.outs) + sum(bool(out.length) for out in self.outs)

    @property
    def arguments(self) -> str:
        """The list of parameters in C.

        >>> EXPORTS["iReloadPIN"].arguments
        'int iType, char *pCardInfo, char *pOutInfo'
        """
        names = [_TYPES[parameter.type] + parameter.name for parameter in self.parameters]
        for out in self.outs:
            names.append(f"char *{out.name}")
            names += [f"int {out.length}"] if out.length else []
        return ", ".join(names) or "void"

    @property
    def signature(self) -> str:
        """The function's head in C, as in the header of its library.

        >>> EXPORTS["iReadCardBas"].signature
        'long iReadCardBas(int iType, char *pOutInfo)'
        """
        space = "" if self.result.endswith("*") else " "
        return f"{self.result}{space}{self.name}({self.arguments})"


def _export(name: str, parameters: tuple[Parameter, ...], buffer: int) -> Export:
    return Export(name, parameters, (Out("pOutInfo", buffer),))


EXPORTS: Final = {
    name: _export(name, function.parameters, function.buffer)
    for name, function in FUNCTIONS.items()
} | {hsm.NAME: _export(hsm.NAME, hsm.PARAMETERS, SMALL)}
"""The functions of LD/T 33, and iHSM_Answer, by their names."""
