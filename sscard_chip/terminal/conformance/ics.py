# SPDX-License-Identifier: Apache-2.0
"""The implementation statement (ICS): what of the optional parts a card has.

A part that is not there by the statement makes its cases not applicable; one that is, and cannot
be found, fails them. A run without a statement asks the card for DF05, DF06 and, of generation 1,
for the files of the medical account, and takes the rest for as the standard has it.
"""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal

from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.generations import OPTIONAL
from sscard_chip.standard.documents import Document, DocumentError, Model, rule
from sscard_chip.standard.identifiers import DF02, DF03
from sscard_chip.standard.settlement_mode import SettlementMode

FORMAT: Final = "sscard-ics/1"

_PART: Final = rule(
    'must be a directory such as "DF07" or a file such as "DF01.EF16"',
    pattern=r"(SSSE|DF0[1-7])(\.EF[0-9A-F]{2})?",
)
_MODES: Final = {
    "online": SettlementMode.ONLINE,
    "temporary-offline": SettlementMode.TEMPORARY_OFFLINE,
    "offline": SettlementMode.OFFLINE,
}


class StatementError(DocumentError):
    """An implementation statement that cannot be used: file, item and rule."""


class ImplementationStatement(Model, frozen=True, kw_only=True):
    """What of the optional parts of the standard a card has (sscard-ics/1)."""

    WHAT = "an implementation statement"

    format: Literal["sscard-ics/1"] = FORMAT
    optional: Annotated[
        list[Literal["DF05", "DF06"]], rule(title="Optional directories that it has")
    ] = []
    absent: Annotated[
        list[Annotated[str, _PART]], rule(title="Directories and files that it has not")
    ] = []
    settlement_mode: Annotated[
        Literal["online", "temporary-offline", "offline"], rule(title="The region's mode")
    ] = "online"
    medical_account: Annotated[
        bool, rule(title="Whether a generation 1 card of the on-line mode has an account")
    ] = False
    account_only: Annotated[
        bool, rule(title="Whether records of DF04 EF08 have 20 bytes instead of 28")
    ] = False
    inferred_items: Annotated[
        bool, rule(title="Whether a generation 1 card has the items whose tag nobody prints")
    ] = True
    registration_date_in: Annotated[Literal["DF02", "DF03"], rule(title="Where tag 60 stands")] = (
        "DF02"
    )
    proof_by_next_number: Annotated[
        bool, rule(title="Whether a proof goes by the number of INITIALIZE plus 1")
    ] = False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ImplementationStatement:
        """The statement in a file, TOML or JSON.

        :raises StatementError:
        """
        return Document.load(path, StatementError).to(cls)

    def profile(self, generation: int) -> Profile:
        """What a card of ``generation`` has by this statement.

        :raises StatementError: the generation cannot have it.
        """
        names = {f"{fid:04X}": fid for fid in OPTIONAL}
        try:
            return for_generation(
                generation,
                optional=[names[name] for name in self.optional],
                settlement_mode=_MODES[self.settlement_mode],
                with_account=self.medical_account,
                inferred_items=self.inferred_items,
                account_only=self.account_only,
                registration_date_in=DF02 if self.registration_date_in == "DF02" else DF03,
                proof_by_next_number=self.proof_by_next_number,
            )
        except ValueError as error:
            item, _, broken = str(error).partition(": ")
            raise StatementError("", item, broken) from None

    def lacks(self, directory: str, file: int = 0) -> bool:
        """Whether a directory, or a file in it, is absent by this statement."""
        return directory in self.absent or f"{directory}.EF{file & 0xFF:02X}" in self.absent
