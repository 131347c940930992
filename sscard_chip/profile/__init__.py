# SPDX-License-Identifier: Apache-2.0
"""What is on a card of each generation, declared as data: files, items, rights, keys.

>>> profile = for_generation(2)
>>> profile.directory(0xDDF1).file(0xEF06).items[2].name
'姓名扩展'

The declarations themselves are loaded with the first call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sscard_chip.profile.model import Profile
from sscard_chip.standard.identifiers import DF02
from sscard_chip.standard.settlement_mode import SettlementMode

if TYPE_CHECKING:
    from sscard_chip.profile.local import LocalFile

__all__ = ["Profile", "SettlementMode", "for_generation"]


def for_generation(
    generation: int,
    *,
    optional: Iterable[int] = (),
    settlement_mode: SettlementMode = SettlementMode.ONLINE,
    with_account: bool = False,
    inferred_items: bool = True,
    account_only: bool = False,
    registration_date_in: int = DF02,
    proof_by_next_number: bool = False,
    local_files: Iterable[LocalFile] = (),
) -> Profile:
    """The profile of a generation: 1, 2, 3, or one that was registered.

    ``optional`` enables DF05 and DF06 (0xDF05, 0xDF06). ``settlement_mode`` is the region's:
    the first value of tag 8F and of EF06 in DF04, and on generation 1 also which files DF04
    has; there ``with_account`` gives an on-line card the medical account too.
    ``inferred_items`` False leaves out items of generation 1 whose tag nobody prints.
    ``account_only`` makes the records of DF04 EF08 20 bytes long, for cards that keep the
    personal account only. ``registration_date_in`` says where tag 60 stands, in DF02 EF06 or
    in DF03 EF05. ``proof_by_next_number``: GET TRANSACTION PROOF of the medical account takes the
    number of INITIALIZE plus 1, as the purse's does, in place of the number itself [L].
    ``local_files`` are a region's own extensions, see
    :func:`sscard_chip.profile.local.load_local_file`.

    :raises ValueError: for a choice that the generation does not have, one line ``field: rule``.
    :raises LocalFileError: for a local file that does not fit it.
    """
    from sscard_chip.profile.generations import build
    from sscard_chip.profile.model import Options

    extensions = tuple(local_files)
    enabled = frozenset(optional).union(*(local.optional for local in extensions))
    options = Options(
        enabled,
        settlement_mode,
        with_account,
        inferred_items,
        account_only,
        registration_date_in,
        proof_by_next_number,
    )
    profile = build(generation, options)
    for local in extensions:
        profile = local.extend(profile)
    return profile
