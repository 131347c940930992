# SPDX-License-Identifier: Apache-2.0
"""Collects cases of a PSAM, each once for the DES environment and once for that of SM4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4
from sscard_chip.terminal.conformance.case import CONTACT, Case
from sscard_chip.terminal.conformance.groups import PSAM_GROUPS
from sscard_chip.terminal.conformance.psam.trial import PsamTrial

ALGORITHMS: Final = {ALGORITHM_3DES: "DES", ALGORITHM_SM4: "SM4"}
_CLAUSE: Final = "PSAM guide, part 9 of the draft of LD/T 32"

PsamJudge = Callable[[PsamTrial], None]


class PsamChapter:
    """Cases of one subject of the guide: ``SSC-32.9-DES-CIPHER-01``."""

    def __init__(self, name: str, section: str) -> None:
        self._name = name
        self._section = section
        self._cases: list[Case] = []

    def __call__(self) -> Iterator[Case]:
        """The cases of both environments."""
        return iter(self._cases)

    def case(self, number: int, title: str, **more: Any) -> Callable[[PsamJudge], PsamJudge]:
        """The function below it is a case."""

        def keep(judge: PsamJudge) -> PsamJudge:
            for algorithm, short in ALGORITHMS.items():
                self._cases.append(
                    Case(
                        identifier=f"SSC-32.9-{short}-{self._name}-{number:02}",
                        title=f"{short}: {title}",
                        clauses=(f"{_CLAUSE}, {self._section}",),
                        group=PSAM_GROUPS[algorithm],
                        judge=judge,
                        interfaces=frozenset({CONTACT}),
                        part=algorithm,
                        **more,
                    )
                )
            return judge

        return keep
