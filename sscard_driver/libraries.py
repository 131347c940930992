# SPDX-License-Identifier: Apache-2.0
"""The libraries that programs of this field load, by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from sscard_chip.terminal.codes import ReturnCode
from sscard_chip.terminal.driver import FUNCTIONS
from sscard_driver import hsm
from sscard_driver.exports import EXPORTS, Export
from sscard_driver.families import credential, medical, readers
from sscard_driver.program import CallingProgram

CallAnswer: TypeAlias = tuple[int, tuple[str, ...]]

DRIVER: Final = "SSCardDriver"


@dataclass(frozen=True, slots=True)
class Library:
    """A library: what it exports, and what answers.

    A function takes the program and the parameters before the buffers; it gives return code and
    a text for each buffer. ``others`` are exported too and answer 0 without anything behind
    them: their heads in C by their names.
    """

    name: str
    exports: Mapping[str, Export]
    functions: Mapping[str, Callable[..., CallAnswer]]
    others: Mapping[str, str]

    @property
    def header(self) -> str:
        """Name of its header in C."""
        return f"{self.name}.h"


def _driver(name: str, program: CallingProgram, *arguments: int | str) -> CallAnswer:
    """A function of LD/T 33. After a step the terminal is kept for the next one."""
    with program.use() as terminal:
        code, text = terminal.functions[name].call(terminal.driver, *arguments)
        base, _, step = name.partition("_HSM_Step")
        if step and code == ReturnCode.OK and f"{base}_HSM_Step{int(step) + 1}" in FUNCTIONS:
            program.terminal.hold(program)
        elif name != hsm.NAME:
            program.terminal.let_go(program)
    return code, (text,)


def _of(name: str, *rows: tuple[Export, Callable[..., CallAnswer]], **others: str) -> Library:
    exports = {export.name: export for export, _ in rows}
    return Library(name, exports, {export.name: run for export, run in rows}, others)


LIBRARIES: Final[Mapping[str, Library]] = {
    library.name: library
    for library in (
        Library(DRIVER, EXPORTS, {name: partial(_driver, name) for name in EXPORTS}, {}),
        _of(
            "HeaSecReadInfo",
            *medical.ROWS,
            TestingFun="int TestingFun(void)",
            dllmain="int dllmain(int argc, char **argv)",
        ),
        _of("SSCard", *readers.ROWS, *credential.ROWS),
        _of("NationECCode", *credential.ROWS),
        _of("dcrf32"),
    )
}
"""dcrf32 is the library of a maker's readers, which programs load first: it is empty."""
