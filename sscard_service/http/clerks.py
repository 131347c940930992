# SPDX-License-Identifier: Apache-2.0
"""A clerk's password over HTTP: counted before it is compared, with growing waits, and audited."""

from __future__ import annotations

import secrets as random
import time as clock
from datetime import datetime
from typing import Final

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.standard.dates import TIME
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.store.audit import AuditEntry, append_audit
from sscard_service.store.clients import CLERK, find_client
from sscard_service.store.proofs import (
    check_password,
    correct_attempt,
    locked_until,
    note_attempt,
)

_APART: Final = ":clerk"


def check_clerk(centre: ServiceCentre, name: str, channel: str, device: str, password: str) -> None:
    """See that a clerk of a channel has shown the own password.

    :raises ServiceRefusedError: WRONG_PROOF, for an unknown clerk and a wrong password alike, and
        where no clerks are; LOCKED.
    """
    rules = centre.region.channels.get(channel)
    if rules is None or "clerk" not in rules.proofs:
        raise ServiceRefusedError(Code.WRONG_PROOF)
    begun, now = clock.monotonic(), centre.now()
    try:
        attempt, hash_ = centre.ledger.run(lambda t: _begin(t, centre, name, channel, now))
        if not check_password(hash_, password):
            raise ServiceRefusedError(Code.WRONG_PROOF)
        centre.ledger.run(lambda t: correct_attempt(t, attempt))
    except ServiceRefusedError as error:
        refused = error
    else:
        return
    entry = AuditEntry(
        int(now.strftime(TIME)), f"clerk-{random.token_hex(8)}", channel, device, name, 0,
        bytes(16), "clerk", result=str(refused.code),
    )  # fmt: skip
    centre.ledger.run(lambda t: append_audit(t, centre.keys.audit, entry))
    centre.wait_until(begun)
    raise refused


def _begin(
    t: LedgerTransaction, centre: ServiceCentre, name: str, channel: str, now: datetime
) -> tuple[int, str | None]:
    """The number of an attempt, and the hash of the clerk's password, if it is one."""
    subject = centre.keys.digest("clerk", name)
    t.lock_name(f"attempt {subject.hex()} {channel}")
    until = locked_until(t, centre.region.proof, subject, channel + _APART, now)
    if until is not None:
        raise ServiceRefusedError(Code.LOCKED, until=until.strftime(TIME))
    attempt = note_attempt(t, subject, channel + _APART, subject, now.strftime(TIME))
    clerk = find_client(t, centre.keys, name)
    known = clerk is not None and clerk.kind == CLERK and clerk.channel == channel
    return attempt, clerk.secret.decode() if clerk is not None and known else None
