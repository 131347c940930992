# SPDX-License-Identifier: Apache-2.0
"""Between HTTP and the centre: log-in, enciphered and multipart bodies, files, ordered faults.

A body that is a message as it stands, where no log-in is asked and no fault is ordered, passes
untouched (:meth:`Gateway.is_plain`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sscard_chip.settlement.gateway.crypto import (
    ApplicationBox,
    ClientBox,
    GatewayCryptoError,
)
from sscard_chip.settlement.gateway.faults import FaultPlan, GatewayFault
from sscard_chip.settlement.gateway.http import AnsweredError, GatewayRequest, HttpAnswer
from sscard_chip.settlement.gateway.logins import Login, LoginRefusedError, NoLogin, OAuthLogin
from sscard_chip.settlement.gateway.logins.csb import DIFFERENT, LATE, MISSING, UNKNOWN
from sscard_chip.settlement.gateway.secrets import GatewaySecrets
from sscard_chip.settlement.gateway.uploads import download_answer, message_of_upload
from sscard_chip.settlement.platform.fields import MessageError

_MARKS: Final = (b"9102", b"encData")
"""One of these stands in every body that is not plain, where no client enciphers ``input``."""
_REASONS: Final = {"missing": MISSING, "late": LATE, "unknown": UNKNOWN, "different": DIFFERENT}
_PAGE: Final = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    b"</center><hr><center>nginx</center></body></html>"
)

Close = Callable[[bytes], HttpAnswer]


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message for the centre, how its answer goes back, and the fault that was ordered."""

    body: bytes
    close: Close
    fault: GatewayFault | None = None


class Gateway:
    """A log-in, secrets and a plan of faults; every method may be called by any thread.

    ``now`` is the centre's clock, Unix time.

    :raises GatewayCryptoError: a key of the secrets is none.
    """

    def __init__(
        self,
        login: Login | None = None,
        secrets: GatewaySecrets | None = None,
        faults: FaultPlan | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        secrets = secrets or GatewaySecrets()
        self._login = login or NoLogin()
        self._faults = faults
        self._now = now
        self._applications = {one.app_id: ApplicationBox(one) for one in secrets.applications}
        self._clients = {one.client_id: ClientBox(one) for one in secrets.clients}
        self._open = isinstance(self._login, NoLogin) and faults is None and not self._clients

    @property
    def has_faults(self) -> bool:
        """Whether faults are ordered."""
        return self._faults is not None

    def is_plain(self, content_type: bytes, body: bytes) -> bool:
        """Whether a body passes untouched."""
        return (
            self._open
            and not content_type.startswith(b"multipart/")
            and not any(mark in body for mark in _MARKS)
        )

    def open(self, request: GatewayRequest) -> OpenedMessage:
        """The message in a request.

        :raises AnsweredError: there is none for the centre.
        """
        self._login.check(request, self._now())
        multipart = _is_multipart(request)
        try:
            message, close = self._unpacked(request)
        except (MessageError, GatewayCryptoError) as error:
            raise AnsweredError(HttpAnswer(200, _refusal(str(error)))) from None
        if message is None:
            infno, body = "", request.body
        else:
            infno = str(message.get("infno", "")).strip().upper()
            body = request.body if close is None and not multipart else _bytes(message)
        fault = self._faults.next(infno) if self._faults is not None else None
        if fault is not None:
            self._answer_at_once(fault)
        if close is None:
            close = download_answer if infno == "9102" else _as_it_is
        return OpenedMessage(body, close, fault)

    # --- inside --------------------------------------------------------------------------------

    def _unpacked(self, request: GatewayRequest) -> tuple[dict[str, Any] | None, Close | None]:
        """The message, None for what is no JSON object, and a way back of its own."""
        if _is_multipart(request):
            kind = request.headers["content-type"]
            return dict(message_of_upload(kind, request.body)), None
        try:
            message = json.loads(request.body)
        except (ValueError, RecursionError):
            return None, None
        if not isinstance(message, dict):
            return None, None
        if "encData" in message:
            return self._of_application(message)
        if isinstance(message.get("input"), str) and self._clients:
            return self._of_client(message)
        return message, None

    def _of_application(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], Close]:
        box = self._applications.get(str(message.get("appId")))
        if box is None:
            raise MessageError("appId: is not known here")
        data = box.open(message)

        def close(body: bytes) -> HttpAnswer:
            answer = json.loads(body)
            code, text = str(answer["infcode"]), str(answer["err_msg"] or "success")
            return HttpAnswer(200, _bytes(box.close(code, text, answer)))

        if not isinstance(data, dict) or "infno" not in data:
            what = str(message.get("transType") or "data")[:20]
            answer = _refusal(f"{what}: is no message of the platform: infno is missing")
            raise AnsweredError(close(answer))
        return data, close

    def _of_client(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], Close]:
        named = message.get("clientId")
        boxes = [self._clients[named]] if named in self._clients else list(self._clients.values())
        error: GatewayCryptoError | None = None
        for box in boxes:
            try:
                opened = box.open(message)
            except GatewayCryptoError as refused:
                error = refused
                continue
            opened.pop("clientId", None)
            return opened, partial(_close_client, box)
        raise error or GatewayCryptoError("input: no client is known here")

    def _answer_at_once(self, fault: GatewayFault) -> None:
        """Answer what never reaches the centre.

        :raises AnsweredError: the answer.
        """
        if fault.kind == "unauthorised":
            raise LoginRefusedError(_REASONS[fault.reason])
        if fault.kind == "token-expired":
            if isinstance(self._login, OAuthLogin):
                self._login.expire()
            raise LoginRefusedError("the token has expired")
        if fault.kind == "failure":
            raise AnsweredError(HttpAnswer(200, _refusal(fault.message)))
        if fault.kind == "error-page":
            raise AnsweredError(HttpAnswer(502, _PAGE, "text/html"))


def _is_multipart(request: GatewayRequest) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/")


def _close_client(box: ClientBox, body: bytes) -> HttpAnswer:
    return HttpAnswer(200, _bytes(box.close(json.loads(body))))


def _as_it_is(body: bytes) -> HttpAnswer:
    return HttpAnswer(200, body)


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _refusal(text: str) -> bytes:
    """A failure of the interface that the centre has not seen."""
    stamp = time.strftime("%Y%m%d%H%M%S000")
    return _bytes(
        {
            "infcode": -1,
            "inf_refmsgid": "",
            "refmsg_time": stamp,
            "respond_time": stamp,
            "err_msg": text[:200],
            "output": {},
        }
    )
