# SPDX-License-Identifier: Apache-2.0
"""A till's authoriser on a ledger in the same process, with no network between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.centre import PlatformAuthoriser
from sscard_chip.settlement.ledger import (
    Ledger,
    LedgerConflictError,
    LedgerError,
    LedgerUnavailableError,
)
from sscard_chip.settlement.platform.platform import Platform
from sscard_chip.settlement.platform.tac import CheckTac
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.standard.errors import KeyStoreError


def ledger_authoriser(
    ledger: Ledger,
    *,
    policy: CentrePolicy | None = None,
    keys: Enciphering | None = None,
    check_tac: CheckTac | None = None,
    permits_offline: bool = True,
    now: Callable[[], datetime] = datetime.now,
    test_clock: bool = False,
) -> PlatformAuthoriser:
    """An authoriser on a ledger in the same process; options as of :class:`Platform`."""
    platform = Platform(
        ledger,
        policy=policy,
        keys=keys,
        check_tac=check_tac,
        permits_offline=permits_offline,
        now=now,
        test_clock=test_clock,
    )

    def send(request: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return platform.handle(request)
        except (LedgerConflictError, KeyStoreError) as error:
            raise CentreUnreachableError(str(error)) from None
        except LedgerUnavailableError as error:
            kind = CentreNoAnswerError if error.begun else CentreUnreachableError
            raise kind(str(error)) from None
        except LedgerError as error:  # the database has refused it
            raise CentreRefusedError(str(error)) from None

    return PlatformAuthoriser(send)
