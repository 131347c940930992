# SPDX-License-Identifier: Apache-2.0
"""What follows a change by itself: messages out of the outbox, hotlists, clearing by age.

Messages to banks and holders are written into a folder as JSON files, one a message, for
whatever sends them; nothing is sent from here. A card that came onto the hotlist or off it makes
a new version of the list. What was told twice after a crash has the same number.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self

import sqlalchemy as sa

from sscard_chip.faults import describe_fault
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.hotlists import issue_hotlist
from sscard_chip.settlement.schema.services import request
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.errors import SscardError
from sscard_chip.wholefile import whole_file
from sscard_service.centre import ServiceCentre
from sscard_service.store.clients import clear_nonces
from sscard_service.store.outbox import OutboxMessage, due_messages, mark_message
from sscard_service.store.proofs import clear_attempts, clear_sessions

HOTLIST: Final = "hotlist"
_LOG: Final = logging.getLogger(__name__)
_NONCES_KEPT: Final = timedelta(minutes=20)


@dataclass(slots=True)
class Delivered:
    """Messages that were handed over, and that were not."""

    sent: int = 0
    failed: int = 0


def write_message(folder: Path, message: OutboxMessage) -> bool:
    """Write a message as ``KIND-NUMBER.json``, whole, for its owner only; False where it fails."""
    document = {"number": message.id, "kind": message.kind, **message.content}
    try:
        with whole_file(folder / f"{message.kind}-{message.id:012d}.json", durable=True) as path:
            path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError:
        return False
    return True


def deliver(centre: ServiceCentre, hand_over: Callable[[OutboxMessage], bool]) -> Delivered:
    """Hand over what is due; hotlists are issued here.

    A message is handed over before its state is kept: after a crash between the two it comes
    again, with the same number.

    :raises LedgerError: the ledger cannot be reached.
    """
    done = Delivered()

    def work(t: LedgerTransaction) -> Delivered:
        now = centre.now()
        found = Delivered()
        messages = due_messages(t, centre.keys, now.strftime(TIME))
        if any(one.kind == HOTLIST for one in messages):
            issue_hotlist(t, now.strftime(TIME))
        for one in messages:
            taken = one.kind == HOTLIST or hand_over(one)
            mark_message(t, one, taken, now)
            found.sent += taken
            found.failed += not taken
        return found

    while True:
        found = centre.ledger.run(work)
        done.sent += found.sent
        done.failed += found.failed
        if not found.sent:
            return done


def clear(centre: ServiceCentre) -> int:
    """Delete by age: attempts, ended sessions, first answers, nonces; how many rows.

    :raises LedgerError: the ledger cannot be reached.
    """
    rules, now = centre.region.proof, centre.now()

    def before(age: timedelta) -> str:
        return (now - age).strftime(TIME)

    def work(t: LedgerTransaction) -> int:
        answers = t.connection.execute(
            sa.delete(request).where(
                request.c.time < int(before(timedelta(hours=rules.request_hours)))
            )
        )
        return (
            int(answers.rowcount)
            + clear_attempts(t, before(timedelta(days=rules.attempt_days)))
            + clear_sessions(t, now.strftime(TIME))
            + clear_nonces(t, before(_NONCES_KEPT))
        )

    return centre.ledger.run(work)


class OutboxWorker:
    """Delivers into a folder in a thread of its own, as long as it is open."""

    def __init__(
        self, centre: ServiceCentre, folder: str | os.PathLike[str], seconds: float = 1.0
    ) -> None:
        self._centre = centre
        self._folder = Path(folder)
        self._seconds = seconds
        self._ended = Event()
        self._thread = Thread(target=self._run, name="outbox", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        rounds = 0
        while not self._ended.wait(self._seconds):
            try:
                deliver(self._centre, lambda one: write_message(self._folder, one))
                if rounds % 3600 == 0:
                    clear(self._centre)
            except SscardError:
                continue  # the database is away: the next round asks again
            except Exception as fault:  # of one round; its text may quote a message
                _LOG.error("outbox: %s", describe_fault(fault))
                continue
            rounds += 1
