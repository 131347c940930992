# SPDX-License-Identifier: Apache-2.0
"""The generations of the card, and what shows one from another: ask here, never for a number.

A generation is its 规范版本, its directories and a few properties. Declared are the three that the
ministry published; :func:`register` adds another, which every command, terminal function and page
then knows. Usually it is one of these changed::

    draft = replace(THIRD, version="4.00", based_on=THIRD, directories=THIRD.directories | {...})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from sscard_chip.profile.directories import df01, df02, df03, df04, df05, df06, df07, ssse
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Item, Options, Profile
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    DF01,
    DF02,
    DF03,
    DF04,
    DF05,
    DF06,
    DF07,
    ISSUER_FILE,
    MEDICAL_LOG,
    SSSE,
    VERSION_TAG,
)
from sscard_chip.standard.settlement_mode import SettlementMode

OPTIONAL: Final = (DF05, DF06)
REGISTRATION_PLACES: Final = (DF02, DF03)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generation:
    """One generation of the card.

    ``version`` is the text of 规范版本, 4 characters, the first one its number. ``directories``
    are by FID, in the order of creation, SSSE first; one that depends on a region's choices is
    made from its options. The first of ``algorithms`` is the default; ``announce_algorithm``
    says that the FCI names it. ``bank``: it may have a bank application and a purse.
    ``settlement_modes`` and ``registration_places`` (of tag 60) are what a region may choose.
    ``later_meanings`` is the version whose meaning re-used tags may have on it (letter 37, annex
    C), empty for none. ``choices`` is what docs/files.md says of it. ``based_on`` is the one that
    is the same wherever this one says nothing: the page shows the differences, and an exchange
    script that does not name this one expects the same of both.
    """

    version: str
    directories: Mapping[int, DirectoryDeclaration | Callable[[Options], DirectoryDeclaration]]
    algorithms: tuple[str, ...] = (ALGORITHM_3DES,)
    contactless: bool = False
    announce_algorithm: bool = False
    dir_sfi: int = 0x1E
    bank: bool = True
    settlement_modes: frozenset[SettlementMode] = frozenset(SettlementMode)
    registration_places: tuple[int, ...] = REGISTRATION_PLACES
    later_meanings: str = ""
    choices: str = ""
    based_on: Generation | None = None

    @property
    def number(self) -> int:
        """1, 2, 3: the first character of 规范版本."""
        return int(self.version[0])

    def profile(self, options: Options) -> Profile:
        """A card of this generation as a region wants it.

        :raises ValueError: ``field: rule``.
        """
        self._check(options)
        environment, *others = (
            entry if isinstance(entry, DirectoryDeclaration) else entry(options)
            for entry in self.directories.values()
        )
        applications = [d for d in others if not d.optional or d.fid in options.optional]
        if not options.inferred_items:
            applications = list(map(_without_inferred, applications))
        medical = [file.fid for d in applications if d.fid == DF04 for file in d.files]
        if options.account_only and MEDICAL_LOG not in medical:
            rule = f"generation {self.number} has no EF08 in the on-line mode"
            raise ValueError(f"account_only: {rule}")
        return Profile(
            generation=self.number,
            version=self.version,
            environment=_with_version(environment, self.version),
            applications=tuple(applications),
            contactless=self.contactless,
            announce_algorithm=self.announce_algorithm,
            algorithms=self.algorithms,
            # Supplier 0099 and maker 8699 are invented; byte 5 counts the generation.
            historical_prefix=bytes.fromhex(f"009901000{self.number}8699"),
            dir_sfi=self.dir_sfi,
            settlement_mode=options.settlement_mode,
            bank=self.bank,
            later_meanings=self.later_meanings,
            proof_by_next_number=options.proof_by_next_number,
        )

    def _check(self, options: Options) -> None:
        if not options.optional <= set(OPTIONAL):
            raise ValueError("optional: only DF05 and DF06 are optional")
        if options.registration_date_in not in REGISTRATION_PLACES:
            raise ValueError("registration_date_in: must be DF02 or DF03")
        if options.registration_date_in not in self.registration_places:
            raise ValueError(f"registration_date_in: generation {self.number} has tag 60 in DF02")
        mode = options.settlement_mode
        if mode not in self.settlement_modes:
            since = next(g.number for g in generations() if mode in g.settlement_modes)
            rule = f"temporary off-line settlement came with generation {since}"
            raise ValueError(f"settlement_mode: {rule}")


def _with_version(environment: DirectoryDeclaration, version: str) -> DirectoryDeclaration:
    """SSSE whose 规范版本 starts as the generation's own."""
    issuer = environment.file(ISSUER_FILE)
    items = (
        replace(item, initial=version.encode()) if item.tag == VERSION_TAG else item
        for item in issuer.items
    )
    return environment.with_files(replace(issuer, items=tuple(items)))


def _without_inferred(directory: DirectoryDeclaration) -> DirectoryDeclaration:
    return replace(directory, files=tuple(map(_printed_items, directory.files)))


def _printed_items(file: FileDeclaration) -> FileDeclaration:
    return replace(file, items=tuple(item for item in file.items if not item.inferred))


# --- the generations -----------------------------------------------------------------------------

FIRST: Final = Generation(
    version="1.00",
    directories={
        SSSE: ssse.FIRST,
        DF01: df01.FIRST,
        DF02: df02.FIRST,
        DF03: df03.FIRST,
        DF04: df04.first,
        DF05: df05.FIRST,
        DF06: df06.FIRST,
    },
    dir_sfi=0x0B,  # traced on a real card; 1E on the others
    bank=False,
    settlement_modes=frozenset((SettlementMode.ONLINE, SettlementMode.OFFLINE)),
    registration_places=(DF02,),
    later_meanings="2.00",
    choices="""\
DF04 is shown with the files of both modes of settlement. By default (on-line) a card has EF06,
in the off-line mode EF08, the amount file and the keys DLK, DPK, DTK, DSK. Items marked
*inferred* can be left out together. EF08 may have records of 14h bytes (account only).
""",
)

SECOND: Final = Generation(
    version="2.00",
    directories={
        SSSE: ssse.SECOND,
        DF01: df01.SECOND,
        DF02: df02.second,
        DF03: df03.second,
        DF04: df04.second,
        DF05: df05.SECOND,
        DF06: df06.FIRST,
        DF07: df07.SECOND,
    },
    choices="""\
Tag 60 stands in DF02 EF06 by default; a region may have it in DF03 EF05, as the second record,
instead. EF08 of DF04 may have records of 14h bytes (account only).
""",
)

# The text of the 3.0 specification is not public: the other rights are taken from 2.0 [L].
THIRD: Final = replace(
    SECOND,
    version="3.00",
    directories={**SECOND.directories, SSSE: ssse.THIRD},
    algorithms=(ALGORITHM_SM4, ALGORITHM_3DES),
    contactless=True,
    announce_algorithm=True,
    choices="""\
Only what differs from generation 2 is shown; all else is the same [L], keys included.
""",
    based_on=SECOND,
)

_registry: Final = {generation.version: generation for generation in (FIRST, SECOND, THIRD)}


def generations() -> tuple[Generation, ...]:
    """All generations, the oldest first."""
    return tuple(_registry.values())


def register(generation: Generation) -> None:
    """Add a generation, to this process only: worker processes start afresh.

    :raises ValueError: when its version is no such text or is taken.
    """
    version = generation.version
    if len(version) != 4 or not "1" <= version[0] <= "9":
        raise ValueError("version: must be 4 characters, the first a digit from 1 to 9")
    if any(known.number == generation.number for known in generations()):
        raise ValueError(f"version: there is a generation {generation.number}")
    _registry[version] = generation
    build.cache_clear()


def unregister(generation: Generation) -> None:
    """Take a generation away again."""
    del _registry[generation.version]
    build.cache_clear()


def find_generation(version: bytes) -> Generation | None:
    """The generation of a card by its 规范版本 as read; None when there is none such.

    Cards hold "1.00", also "1.0x": the first character counts. A blank one, the padding of an
    item that nobody wrote (00, or spaces), is a 1.0 card's [H]. No byte at all and erased bytes
    (FF) are no version: those are cells of a card that is not made, or is broken.
    """
    blank = bool(version) and not version.strip(b"\0 ")
    digit = FIRST.version[:1].encode() if blank else version[:1]
    return next((g for g in generations() if g.version[:1].encode() == digit), None)


def generation_numbered(number: int) -> Generation:
    """The generation of this number.

    :raises ValueError:
    """
    for generation in generations():
        if generation.number == number:
            return generation
    *others, last = (str(generation.number) for generation in generations())
    raise ValueError(f"generation: must be {', '.join(others)} or {last}")


@cache
def build(generation: int, options: Options) -> Profile:
    """The profile of a generation, without a region's local files.

    :raises ValueError:
    """
    return generation_numbered(generation).profile(options)


def whole_profile(generation: int) -> Profile:
    """A generation with all that a card of it may have: DF05, DF06, the medical account."""
    return build(generation, Options(optional=frozenset(OPTIONAL), with_account=True))


# --- what the standard defines -------------------------------------------------------------------


def defined_files() -> dict[int, frozenset[int]]:
    """FIDs of the EFs that any generation defines, by FID of their directory."""
    found: dict[int, set[int]] = {}
    for directory in _everything():
        found.setdefault(directory.fid, set()).update(file.fid for file in directory.files)
    return {fid: frozenset(files) for fid, files in found.items()}


def defined_tags() -> frozenset[int]:
    """Tags that any generation defines, of records and inside templates."""
    return frozenset(
        tag for directory in _everything() for file in directory.files for tag in _tags(file.items)
    )


def _tags(items: Iterable[Item]) -> Iterable[int]:
    for item in items:
        if item.tag:
            yield item.tag
        yield from _tags(item.items)


def _everything() -> Iterable[DirectoryDeclaration]:
    for generation in generations():
        yield from whole_profile(generation.number).directories
