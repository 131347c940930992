# SPDX-License-Identifier: Apache-2.0
"""The hotlist for programs of tills: whole, or what has changed after a version they have.

Thousands of tills ask again and again, mostly without anything having happened: a list is worked
out anew only when a card's status was reported or has lapsed, or the last version is an hour old.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from sscard_chip.settlement.ledger import CardRegisterError
from sscard_chip.settlement.ledger.hotlists import (
    RENEWED,
    HotlistState,
    hotlist_delta,
    hotlist_state,
    issue_hotlist,
    next_change,
)
from sscard_chip.standard.dates import TIME, parse_time
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError

_DELTAS: Final = 64
"""Deltas to one version that are kept."""


class _Issued(NamedTuple):
    """A version as it was worked out at ``made``, and until when it says what is so unless
    something is reported."""

    state: HotlistState
    made: datetime
    until: datetime
    version: str
    whole: bytes


class ServedHotlist:
    """The files ``sscard-hotlist/1`` of a centre; every thread may ask."""

    def __init__(self, centre: ServiceCentre) -> None:
        self._centre = centre
        self._turn = Lock()
        self._issued: _Issued | None = None
        self._deltas: OrderedDict[str, bytes] = OrderedDict()

    def text(self, after: str) -> bytes:
        """The list as of now, or the delta from the version ``after``.

        :raises ServiceRefusedError: NOT_FOUND: this ledger has issued no such version.
        """
        with self._turn:
            issued = self._now()
            return self._delta(after, issued.version) if after else issued.whole

    def _now(self) -> _Issued:
        now = self._centre.now()
        known = self._issued
        if known is not None and known.made <= now < known.until:
            with self._centre.ledger.reading() as t:
                if hotlist_state(t) == known.state:
                    return known
        self._deltas.clear()
        self._issued = self._work_out(now)
        return self._issued

    def _work_out(self, now: datetime) -> _Issued:
        time = now.strftime(TIME)
        with self._centre.ledger.reading() as t:
            changes = hotlist_state(t).changes  # before the list: what comes between is seen then
        issued = self._centre.ledger.run(lambda t: issue_hotlist(t, time))
        with self._centre.ledger.reading() as t:
            change = next_change(t, time)
        state = HotlistState(changes, issued.version)
        begun = parse_time(issued.issued) or now
        until = begun + RENEWED
        if change is not None:
            until = min(until, parse_time(change) or now)
        return _Issued(state, now, until, issued.version, _saved(issued.hotlist.save))

    def _delta(self, after: str, version: str) -> bytes:
        """The delta from a version to the last one."""
        found = self._deltas.get(after)
        if found is None:
            try:
                with self._centre.ledger.reading() as t:
                    found = _saved(hotlist_delta(t, after, version).save)
            except CardRegisterError:
                raise ServiceRefusedError(Code.NOT_FOUND, field="after") from None
            self._deltas[after] = found
            if len(self._deltas) > _DELTAS:
                self._deltas.popitem(last=False)
        return found


def _saved(save: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotlist.tsv"
        save(path)
        return path.read_bytes()
