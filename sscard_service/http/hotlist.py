# SPDX-License-Identifier: Apache-2.0
"""The hotlist for programs of tills: whole, or what has changed after a version they have."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sscard_chip.settlement.ledger import CardRegisterError
from sscard_chip.settlement.ledger.hotlists import hotlist_delta, issue_hotlist
from sscard_chip.standard.dates import TIME
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError


def hotlist_text(centre: ServiceCentre, after: str) -> bytes:
    """A file ``sscard-hotlist/1`` as of now: the list, or the delta from the version ``after``.

    :raises ServiceRefusedError: NOT_FOUND: this ledger has issued no such version.
    """
    time = centre.now().strftime(TIME)
    issued = centre.ledger.run(lambda t: issue_hotlist(t, time))
    document = issued.hotlist
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotlist.tsv"
        if after:
            try:
                with centre.ledger.reading() as t:
                    hotlist_delta(t, after, issued.version).save(path)
            except CardRegisterError:
                raise ServiceRefusedError(Code.NOT_FOUND, field="after") from None
        else:
            document.save(path)
        return path.read_bytes()
