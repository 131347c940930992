# SPDX-License-Identifier: Apache-2.0
"""A settlement centre of one terminal, for regions in training and for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sscard_chip.dayfile.authoriser import CentreRefusedError, Hold, HoldRequest
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.standard.settlement_mode import OfflineUse
from sscard_chip.terminal.journal import Journal

_LENGTH_OF_ID: Final = 30


class LocalAuthoriser:
    """A centre of one terminal: a journal file, and the balances it is given.

    For regions in training and for tests. It shares a bill as the bill says, holds the account's
    part against the balance, and keeps every step in a file before it answers, so that it gives
    the same answers after a restart.
    """

    def __init__(
        self,
        journal: str | os.PathLike[str],
        *,
        balances: Mapping[str, int] | None = None,
        check_tac: Callable[[DayRow], bool] | None = None,
        permits_offline: bool = True,
    ) -> None:
        """``balances`` are fen by card number; without them any amount is held. ``check_tac``
        refuses a confirmation. ``permits_offline`` is what 90 of EF06 becomes.

        :raises DayFileError: the journal is malformed.
        """
        self._balances = None if balances is None else dict(balances)
        self._check_tac = check_tac
        self._permits_offline = permits_offline
        self._entries: dict[str, dict[str, Any]] = {}
        self._journal = Journal(Path(journal), self._apply, "entry")

    def state(self, msgid: str) -> str | None:
        """``held``, ``confirmed``, ``reversed``, ``cancelled``; None for an unknown id."""
        entry = self._entries.get(msgid)
        return None if entry is None else str(entry["state"])

    def authorise(self, request: HoldRequest) -> Hold:
        """See :class:`Authoriser`."""
        content = _content(request)
        entry = self._entries.get(request.msgid)
        if entry is None:
            balance = self._free(request.card_number)
            if balance is not None and request.split.account_fen > balance:
                raise CentreRefusedError("the personal account has not enough money")
            # The receiver's number: division 6, time 14, sequence 10.
            setl_id = f"{request.treatment_division}{request.time}{len(self._entries) + 1:010d}"
            entry = {
                "msgid": request.msgid,
                "state": "held",
                "setl_id": setl_id[:_LENGTH_OF_ID],
                "content": content,
            }
            self._journal.write(entry)
        elif entry["content"] != content:
            raise CentreRefusedError("this msgid was used for something else")
        elif entry["state"] != "held":
            raise CentreRefusedError(f"this msgid is {entry['state']}")
        return Hold(entry["setl_id"], None, None, request.split, self._free(request.card_number))

    def confirm(self, row: DayRow) -> OfflineUse | None:
        """See :class:`Authoriser`."""
        entry = self._entry(row.msgid)
        if entry["state"] not in ("held", "confirmed"):
            raise CentreRefusedError(f"this msgid is {entry['state']}")
        if self._check_tac is not None and not self._check_tac(row):
            raise CentreRefusedError("the TAC is wrong")
        if entry["state"] == "held":
            self._journal.write(entry | {"state": "confirmed", "row": row.encode()})
        if entry["content"]["use"] is None:
            return None
        return OfflineUse(self._permits_offline, 0, 0)

    def cancel(self, row: DayRow, msgid: str) -> str:
        """See :class:`Authoriser`."""
        settled = (one for one in self._entries.values() if one["content"] is not None)
        entry = next((one for one in settled if one["setl_id"] == row.setl_id), None)
        if entry is None:
            raise CentreRefusedError("the centre knows no such settlement")
        if entry["state"] == "confirmed":
            number = f"{entry['setl_id'][:20]}{len(self._entries) + 1:010d}"
            own = {"msgid": msgid, "state": "cancelling", "setl_id": number, "content": None}
            self._journal.write(own)
            self._journal.write(entry | {"state": "cancelled", "by": msgid})
        elif entry.get("by") != msgid:
            raise CentreRefusedError(f"the settlement is {entry['state']}")
        return str(self._entries[msgid]["setl_id"])

    def reverse(self, msgid: str) -> None:
        """See :class:`Authoriser`; an id that never arrived counts as reversed."""
        entry = self._entries.get(msgid, {"msgid": msgid, "setl_id": None, "content": None})
        if entry.get("state") == "confirmed":
            raise CentreRefusedError("the settlement is confirmed")
        self._journal.write(entry | {"state": "reversed"})

    def _entry(self, msgid: str) -> dict[str, Any]:
        entry = self._entries.get(msgid)
        if entry is None:
            raise CentreRefusedError("the centre knows no such msgid")
        return entry

    def _free(self, card_number: str) -> int | None:
        """The balance less what is held and settled."""
        if self._balances is None:
            return None
        taken: int = sum(
            entry["content"]["split"][0]
            for entry in self._entries.values()
            if entry["content"]
            and entry["content"]["card_number"] == card_number
            and entry["state"] in ("held", "confirmed")
        )
        return self._balances.get(card_number, 0) - taken

    def _apply(self, entry: dict[str, Any]) -> None:
        self._entries[entry["msgid"]] = entry


def _content(request: HoldRequest) -> dict[str, Any]:
    """What must be the same when an id comes again."""
    use = request.use
    return {
        "terminal_id": request.terminal_id,
        "time": request.time,
        "card_id_code": request.card_id_code.hex(),
        "card_number": request.card_number,
        "split": list(request.split),
        "kind": request.kind,
        "use": None if use is None else [use.allowed, use.amount_fen, use.times],
    }
