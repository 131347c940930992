# SPDX-License-Identifier: Apache-2.0
"""Profiles put together: generation 1 from its own files, 3 as 2 changed, options applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from sscard_chip.profile import environment, further, generation1
from sscard_chip.profile.employment import DF01, df02
from sscard_chip.profile.insurance import df03, df04
from sscard_chip.profile.model import (
    Directory,
    ElementaryFile,
    Item,
    Profile,
)
from sscard_chip.standard.settlement_mode import SettlementMode

GENERATIONS: Final = (1, 2, 3)
OPTIONAL: Final = (0xDF05, 0xDF06)
REGISTRATION_PLACES: Final = (0xDF02, 0xDF03)

# Supplier 0099 and maker 8699 are invented; byte 5 counts the generation.
_HISTORICAL: Final = "009901000{}8699"
_DIR_SFI_1: Final = 0x0B  # traced on a real card of generation 1; 1E on the others


@dataclass(frozen=True, slots=True)
class Options:
    """What :func:`sscard_chip.profile.for_generation` lets a region choose."""

    optional: frozenset[int]
    settlement_mode: SettlementMode
    with_account: bool
    inferred_items: bool
    account_only: bool
    registration_date_in: int


@cache
def build(generation: int, options: Options) -> Profile:
    """The profile of a generation, without a region's local files. Raises ValueError."""
    if generation not in GENERATIONS:
        raise ValueError("generation: must be 1, 2 or 3")
    if not options.optional <= set(OPTIONAL):
        raise ValueError("optional: only DF05 and DF06 are optional")
    if options.registration_date_in not in REGISTRATION_PLACES:
        raise ValueError("registration_date_in: must be DF02 or DF03")
    profile = _BUILDERS[generation](options)
    applications = tuple(
        d for d in profile.applications if not d.optional or d.fid in options.optional
    )
    if options.inferred_items:
        return replace(profile, applications=applications)
    return replace(profile, applications=tuple(map(_without_inferred, applications)))


def _first(options: Options) -> Profile:
    if options.registration_date_in != REGISTRATION_PLACES[0]:
        raise ValueError("registration_date_in: generation 1 has tag 60 in DF02")
    mode = options.settlement_mode
    if mode is SettlementMode.TEMPORARY_OFFLINE:
        raise ValueError("settlement_mode: temporary off-line settlement came with generation 2")
    if options.account_only and not (options.with_account or mode is SettlementMode.OFFLINE):
        raise ValueError("account_only: generation 1 has no EF08 in the on-line mode")
    ssse, *applications = generation1.directories(
        mode, with_account=options.with_account, account_only=options.account_only
    )
    return Profile(
        generation=1,
        version="1.00",
        environment=ssse,
        applications=tuple(applications),
        contactless=False,
        announce_algorithm=False,
        algorithms=("3des",),
        historical_prefix=_historical(1),
        dir_sfi=_DIR_SFI_1,
        settlement_mode=options.settlement_mode,
    )


def _second(options: Options) -> Profile:
    in_df03 = options.registration_date_in == REGISTRATION_PLACES[1]
    return Profile(
        generation=2,
        version="2.00",
        environment=environment.environment2("2.00"),
        applications=(
            DF01,
            df02(registration_date=not in_df03),
            df03(registration_date=in_df03),
            df04(mode=options.settlement_mode, account_only=options.account_only),
            further.df05(generation=2),
            further.DF06,
            further.DF07,
        ),
        contactless=False,
        announce_algorithm=False,
        algorithms=("3des",),
        historical_prefix=_historical(2),
        settlement_mode=options.settlement_mode,
    )


def _third(options: Options) -> Profile:
    """Generation 2 with EF06 behind RKSSSE, SM4, a contactless interface.

    The text of the 3.0 specification is not public: the other rights are taken from 2.0 [L].
    """
    clause = "traces of cards of generation 3; items: letter 37, SSSE EF06"
    holder = replace(environment.HOLDER, read=environment.RKSSSE, clause=clause)
    ssse = environment.environment2("3.00").with_files(holder)
    return replace(
        _second(options),
        generation=3,
        version="3.00",
        environment=ssse,
        contactless=True,
        announce_algorithm=True,
        algorithms=("sm4", "3des"),
        historical_prefix=_historical(3),
    )


_BUILDERS: Final = {1: _first, 2: _second, 3: _third}


def _historical(generation: int) -> bytes:
    return bytes.fromhex(_HISTORICAL.format(generation))


def _without_inferred(directory: Directory) -> Directory:
    return replace(directory, files=tuple(map(_printed_items, directory.files)))


def _printed_items(file: ElementaryFile) -> ElementaryFile:
    items = tuple(item for item in file.items if not item.inferred)
    return file if items == file.items else replace(file, items=items)


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


def _everything() -> Iterable[Directory]:
    options = Options(
        frozenset(OPTIONAL), SettlementMode.ONLINE, True, True, False, REGISTRATION_PLACES[0]
    )
    for generation in GENERATIONS:
        yield from build(generation, options).directories
