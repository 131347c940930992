# SPDX-License-Identifier: Apache-2.0
"""The addresses of the interface: method, path, operation. Nothing personal is in an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_service.work import OPERATIONS, ServiceOperation


@dataclass(frozen=True, slots=True)
class Route:
    """An address of one operation; a path may have ``{receipt}``, which is the subject's."""

    method: str
    path: str
    operation: str

    @property
    def found(self) -> ServiceOperation:
        """The operation."""
        return OPERATIONS[self.operation]


ROUTES: Final = (
    Route("POST", "/v1/sessions", "login"),
    Route("DELETE", "/v1/sessions", "logout"),
    Route("POST", "/v1/codes", "code"),
    Route("GET", "/v1/policy", "policy"),
    Route("GET", "/v1/applications/{receipt}", "progress"),
    Route("POST", "/v1/status", "card_state"),
    Route("GET", "/v1/me", "person"),
    Route("GET", "/v1/me/status", "status"),
    Route("GET", "/v1/me/balance", "balance"),
    Route("GET", "/v1/me/insurances", "insurances"),
    Route("GET", "/v1/me/contributions", "contributions"),
    Route("GET", "/v1/me/accounts/pension", "pension"),
    Route("GET", "/v1/me/benefits", "benefits"),
    Route("GET", "/v1/me/settlements", "settlements"),
    Route("GET", "/v1/me/applications", "applications"),
    Route("POST", "/v1/me/loss", "loss"),
    Route("POST", "/v1/me/lift", "lift"),
    Route("POST", "/v1/me/formal-loss", "formal"),
    Route("POST", "/v1/me/application", "apply"),
    Route("POST", "/v1/me/replacement", "replace"),
    Route("POST", "/v1/me/withdrawal", "withdraw"),
    Route("POST", "/v1/me/activation", "activate"),
    Route("PATCH", "/v1/me/contact", "contact"),
    Route("PUT", "/v1/me/password", "password"),
    Route("PUT", "/v1/me/ecard-password", "ecard_password"),
    Route("GET", "/v1/me/levels", "levels"),
    Route("PUT", "/v1/me/level", "level"),
    Route("POST", "/v1/me/level/stop", "level_stop"),
    Route("GET", "/v1/me/bills", "bills"),
    Route("POST", "/v1/me/bills", "bill"),
    Route("POST", "/v1/me/bills/withdrawal", "bill_withdraw"),
    Route("GET", "/v1/me/filings", "filings"),
    Route("POST", "/v1/me/filings", "filing"),
    Route("POST", "/v1/me/filings/end", "unfile"),
    Route("POST", "/v1/ecard", "ecard"),
    Route("DELETE", "/v1/ecard", "unlink"),
    Route("POST", "/v1/ecard/qr", "ecard_code"),
    Route("POST", "/v1/ecard/decode", "ecard_decode"),
    Route("GET", "/v1/ecard/family", "family"),
    Route("POST", "/v1/ecard/family", "family_add"),
    Route("POST", "/v1/ecard/family/end", "family_end"),
    Route("GET", "/v1/me/papers", "papers"),
    Route("POST", "/v1/me/papers", "paper"),
    Route("POST", "/v1/me/papers/undelivered", "undelivered"),
    Route("GET", "/v1/papers/{receipt}", "verify"),
    Route("POST", "/v1/counter/cancellation", "cancel"),
    Route("POST", "/v1/counter/rename", "rename"),
    Route("POST", "/v1/counter/death", "seal"),
    Route("POST", "/v1/counter/collection", "collect"),
    Route("POST", "/v1/counter/unlink", "unlink"),
    Route("POST", "/v1/counter/bills/payment", "bill_paid"),
    Route("POST", "/v1/counter/applications/{receipt}/review", "review"),
    Route("POST", "/v1/counter/applications/{receipt}/batch", "batch"),
    Route("POST", "/v1/counter/applications/{receipt}/card", "made"),
    Route("POST", "/v1/counter/applications/{receipt}/arrival", "arrive"),
)
"""All of them; an enquiry may also be asked by ``POST /v1/enquiries/{operation}``, with proof in
its body and without a session."""
