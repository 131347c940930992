# SPDX-License-Identifier: Apache-2.0
"""From an HTTP request to a call of ``perform``: who signs, which clerk, what was sent.

What may be said of a person's proof comes from the body; what a clerk is comes from headers that
were checked. A request that nobody has signed is one of the public channel.
"""

from __future__ import annotations

import secrets as random
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sscard_chip.standard.dates import TIME
from sscard_chip.standard.documents import DocumentError, parse_json
from sscard_service.centre import ServiceCentre, checked_model
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.http.clerks import check_clerk
from sscard_service.http.signing import SignedRequest, is_current, is_signed
from sscard_service.store.clients import find_client, use_nonce

PUBLIC_CHANNEL: Final = "site"
"""The channel of requests that no program has signed."""
_PARTS: Final = ("subject", "evidence", "details")
_NONCE: Final = range(16, 65)


@dataclass(frozen=True, slots=True, repr=False)
class ServiceRequest:
    """A request as it came: headers by lower-case name, ``source`` the address it came from."""

    method: str
    target: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    source: str

    def header(self, name: str, length: int = 64) -> str:
        """A header, empty without one.

        :raises ServiceRefusedError: FORMAT: longer than ``length``, or not printable ASCII.
        """
        value = self.headers.get(name.lower(), "")
        if len(value) > length or not (value.isascii() and value.isprintable()):
            raise ServiceRefusedError(
                Code.FORMAT, field=name, rule=f"must be at most {length} printable characters"
            )
        return value

    @property
    def token(self) -> str:
        """The session token of ``Authorization: Bearer``."""
        scheme, _, token = self.header("Authorization", 128).partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True, repr=False)
class HttpAsked:
    """What an HTTP request asks for: who asks in which channel, about whom, with what shown."""

    channel: str
    actor: ServiceActor
    subject: ServiceSubject
    evidence: ServiceEvidence
    details: Mapping[str, Any]


class HttpCaller:
    """Knows who calls, and asks the centre."""

    def __init__(self, centre: ServiceCentre, seconds: Any = clock.time) -> None:
        """``seconds`` is the clock that signatures go by, Unix seconds."""
        self._centre = centre
        self._seconds = seconds

    def call(
        self, operation: str, request: ServiceRequest, receipt: str = "", *, changes: bool
    ) -> dict[str, Any]:
        """Do an operation for a request; the document that is answered.

        :raises ServiceRefusedError:
        """
        asked = self.asked(request, receipt)
        number = request.header("Idempotency-Key")
        if changes and not number:
            raise ServiceRefusedError(Code.FORMAT, field="Idempotency-Key", rule="is needed")
        answer = self._centre.perform(
            operation, asked.subject, asked.actor, asked.channel, asked.evidence,
            number or f"http-{random.token_hex(12)}", asked.details,
        )  # fmt: skip
        return answer.document()

    def asked(self, request: ServiceRequest, receipt: str = "") -> HttpAsked:
        """Who asks, whom it is about, and what was sent.

        :raises ServiceRefusedError:
        """
        channel, device = self.channel(request)
        given = self._given(request)
        subject = dict(given["subject"])
        if receipt:
            subject["receipt"] = receipt
        clerk = self._clerk(request, "X-Clerk", channel, device)
        evidence = dict(given["evidence"])
        evidence["session"] = request.token
        evidence["second_clerk"] = self._clerk(request, "X-Second-Clerk", channel, device)
        actor = ServiceActor(
            "clerk" if clerk else "holder", clerk, device or request.header("X-Device"),
            request.source[:64],
        )  # fmt: skip
        return HttpAsked(
            channel, actor, checked_model(ServiceSubject, subject),
            checked_model(ServiceEvidence, evidence), given["details"],
        )  # fmt: skip

    def channel(self, request: ServiceRequest) -> tuple[str, str]:
        """The channel of a request and the program that has signed it.

        :raises ServiceRefusedError: SIGNATURE or STALE.
        """
        name = request.header("X-Client", 20)
        if not name:
            rules = self._centre.region.channels.get(PUBLIC_CHANNEL)
            if rules is not None and rules.signed:
                raise ServiceRefusedError(Code.SIGNATURE)
            return PUBLIC_CHANNEL, ""
        signed = SignedRequest(
            request.method, request.target, request.header("X-Time", 12),
            request.header("X-Nonce"), request.header("Idempotency-Key"), request.token,
            request.body,
        )  # fmt: skip
        signature = request.header("X-Signature", 128)
        if not is_current(signed.time, self._seconds()):
            raise ServiceRefusedError(Code.STALE, field="X-Time")
        if len(signed.nonce) not in _NONCE:
            raise ServiceRefusedError(Code.SIGNATURE)
        with self._centre.ledger.reading() as t:
            client = find_client(t, self._centre.keys, name)
        if client is None or not is_signed(client, signed, signature):
            raise ServiceRefusedError(Code.SIGNATURE)
        now = self._centre.now()
        if not self._centre.ledger.run(
            lambda t: use_nonce(t, name, signed.nonce, now.strftime(TIME))
        ):
            raise ServiceRefusedError(Code.STALE, field="X-Nonce")
        return client.channel, client.name

    def _clerk(self, request: ServiceRequest, header: str, channel: str, device: str) -> str:
        """The clerk that a header names, whose password was right; empty for none.

        :raises ServiceRefusedError: WRONG_PROOF or LOCKED.
        """
        name = request.header(header, 20)
        if name:
            password = request.header(f"{header}-Password")
            check_clerk(self._centre, name, channel, device, password)
        return name

    def _given(self, request: ServiceRequest) -> dict[str, Any]:
        """Subject, evidence and details of a request."""
        if request.method in ("GET", "DELETE"):
            details: dict[str, Any] = dict(request.query)
            if "page" in details:
                if not details["page"].isdecimal() or len(details["page"]) > 6:
                    raise ServiceRefusedError(Code.FORMAT, field="page", rule="must be a number")
                details["page"] = int(details["page"])
            return {"subject": {}, "evidence": {}, "details": details}
        try:
            value = parse_json(request.body or b"{}")
        except DocumentError as error:
            rule = error.rule
            raise ServiceRefusedError(Code.FORMAT, field="body", rule=rule) from None
        if not isinstance(value, dict) or not value.keys() <= set(_PARTS):
            raise ServiceRefusedError(
                Code.FORMAT, field="body", rule=f"must be an object of {', '.join(_PARTS)}"
            )
        found = {name: value.get(name, {}) for name in _PARTS}
        for name, part in found.items():
            if not isinstance(part, dict):
                raise ServiceRefusedError(Code.FORMAT, field=name, rule="must be an object")
        return found


def written(document: Any) -> bytes:
    """A JSON answer."""
    return msgspec.json.encode(document)
