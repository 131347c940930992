# SPDX-License-Identifier: Apache-2.0
"""Hospitals' filings (2501, 2501A, 2502) for the platform of ``sscard settle serve``.

A message and its answer are kept by the platform, in the same transaction as the filing: here the
operations ``filing`` and ``unfile`` are done in the channel ``hospital``, for an institution that
the platform has let in. What is filed here the person sees in every channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.ledger.authorisation import AuthorisationRefusedError
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.services import ServiceHandler
from sscard_chip.settlement.platform.transactions import TRANSACTIONS
from sscard_chip.standard.dates import DAY, TIME
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor
from sscard_service.levels import ProofLevel
from sscard_service.store.filings import filings_of
from sscard_service.store.persons import Person, find_psn_no

CHANNEL: Final = "hospital"
_DAYS: Final = ("begndate", "enddate", "refl_date")


def filing_services(
    centre: ServiceCentre, *, test_clock: bool = False
) -> dict[str, ServiceHandler]:
    """The handlers by infno, for :class:`~sscard_chip.settlement.platform.Platform`; with
    ``test_clock`` today is the day of each message."""
    found = _Hospitals(centre, test_clock)
    return {"2501": found.file, "2501A": found.file, "2502": found.withdraw}


class _Hospitals:
    def __init__(self, centre: ServiceCentre, test_clock: bool) -> None:
        self._centre = centre
        self._test_clock = test_clock

    def file(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """2501: a transfer."""
        (data,) = TRANSACTIONS[request.infno].input[0].check(request.input)
        person = self._person(t, data.pop("psn_no"))
        details = {name: value for name, value in data.items() if value}
        for name in _DAYS:
            if name in details:
                details[name] = details[name].replace("-", "")
        said = self._perform(t, "filing", person, request, {"kind": "referral", **details})
        return {"result": {"trt_dcla_detl_sn": said["trt_dcla_detl_sn"]}}

    def withdraw(self, t: LedgerTransaction, request: Request) -> Mapping[str, Any]:
        """2502: as if it had not been, or ended with today where it has begun."""
        (data,) = TRANSACTIONS["2502"].input[0].check(request.input)
        person, number = self._person(t, data["psn_no"]), data["trt_dcla_detl_sn"]
        today = self._now(request).strftime(DAY)
        begun = any(
            one.number == number and one.begins <= today for one in filings_of(t, person.id)
        )
        details = {"trt_dcla_detl_sn": number, "memo": data["memo"][:200]}
        self._perform(t, "unfile", person, request, details | ({"enddate": today} if begun else {}))
        return {}

    def _now(self, request: Request) -> datetime:
        return datetime.strptime(request.time, TIME) if self._test_clock else self._centre.now()

    def _person(self, t: LedgerTransaction, psn_no: str) -> Person:
        person = find_psn_no(t, self._centre.keys, psn_no)
        if person is None:
            raise AuthorisationRefusedError("psn_no: nobody in the card services")
        return person

    def _perform(
        self,
        t: LedgerTransaction,
        operation: str,
        person: Person,
        request: Request,
        details: Mapping[str, Any],
    ) -> dict[str, Any]:
        actor = ServiceActor("program", request.institution)
        try:
            return self._centre.perform_in(
                t, operation, person, actor, CHANNEL, ProofLevel.IN_PERSON, request.msgid, details,
                self._now(request),
            )  # fmt: skip
        except ServiceRefusedError as error:
            raise AuthorisationRefusedError(_said(error)) from None


def _said(error: ServiceRefusedError) -> str:
    """The refusal as err_msg says it."""
    if error.code is Code.FORMAT:
        return f"{error.details['field']}: {error.details['rule']}"
    return f"{error.code} {error.chinese}"
