# SPDX-License-Identifier: Apache-2.0
"""The service of the credential at the counter (hsecfc): localQrCodeQuery, localEcTokenCheck.

Requests are ``{"orgId","transType","data":{…},"extra":""}``, answers
``{"code":0,"message":"","data":…}``; ``data`` is an object in some programs and its text in
others [H].
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from sscard_chip.settlement.credential.store import (
    CODE_DIGITS,
    CredentialCard,
    CredentialError,
    CredentialStore,
)
from sscard_chip.settlement.platform.persons import InsuredPerson, PersonRegister

MOST_REQUEST: Final = 1 << 16
"""Bytes of a request."""
FAILED: Final = -1
CANCELLED: Final = -2
"""Nothing was scanned [L]."""

_AT_COUNTER: Final = (*range(1101, 1105), *range(1201, 1205), *range(1301, 1306))
_ELSEWHERE: Final = (2121, 2122, 3131, 3132, 5101)
BUSINESS_TYPES: Final = frozenset(f"{number:05d}" for number in (*_AT_COUNTER, *_ELSEWHERE))
"""What the person has come for (HN dictionary, H): 01301 settle, 02121 buy at a pharmacy, …"""

_PATHS: Final = ("localQrCodeQuery", "localEcTokenCheck", "hsecfc")
_NOTIFIED: Final = frozenset({"cn.nhsa.settle.notify", "iot.medical.settle.notify"})


def serves_credentials(path: str) -> bool:
    """Whether a path of HTTP is one of this service.

    >>> serves_credentials("/localcfc/api/hsecfc/localQrCodeQuery"), serves_credentials("/CSB")
    (True, False)
    """
    return path.rstrip("/").rpartition("/")[2] in _PATHS


class CredentialService:
    """Answers requests. ``persons`` says who the holders are.

    ``as_text``: ``data`` of an answer is its JSON as a string, as some programs want it.
    """

    def __init__(
        self, store: CredentialStore, persons: PersonRegister, *, as_text: bool = False
    ) -> None:
        self._store = store
        self._persons = persons
        self._as_text = as_text
        # What has come as data -> what goes back as data
        self._done: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ec.query": self._by_code,
            "cn.nhsa.qrcode.get": self._by_code,
            "iot.gain.ec.qrcode": self._by_code,
            "cn.nhsa.ec.auth": self._authorise,
            "cn.nhsa.auth.check": self._by_authorisation,
            "cn.nhsa.cert.get": self._by_identity_card,
        }

    def certno_of(self, token: str) -> str | None:
        """Whose token it is, by identity number; None where its card may not pay."""
        found = self._store.of_token(token)
        person = None if found is None else self._person(found)
        return None if person is None else person.certno

    def answer(self, path: str, body: bytes) -> bytes:
        """The answer to a request at a path of :func:`serves_credentials`, JSON in UTF-8.

        :raises LedgerUnavailableError: the database cannot be reached.
        """
        code, message, data = 0, "", None
        try:
            request = _request(body)
            if path.rstrip("/").endswith("localEcTokenCheck"):
                data = self._check(request["data"])
            else:
                data = self._serve(request)
        except CredentialError as error:
            code, message = getattr(error, "answer", FAILED), str(error)
        shown: Any = data
        if data is not None and self._as_text:
            shown = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        answer = {"code": code, "message": message, "data": shown}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

    def _serve(self, request: dict[str, Any]) -> dict[str, Any]:
        kind, data = request["transType"], request["data"]
        if kind in _NOTIFIED:
            return {"outBizNo": _text(data, "outBizNo", 64)}
        if kind not in self._done:
            raise CredentialError("transType: is not one that is served here")
        business = data.get("businessType")
        if business not in (None, "") and business not in BUSINESS_TYPES:
            raise CredentialError("businessType: is not in the dictionary")
        return self._done[kind](data)

    # --- requests ------------------------------------------------------------------------------

    def _by_code(self, data: dict[str, Any]) -> dict[str, Any]:
        code = data.get("ecQrCode") or ""
        if code == "":
            raise _NothingScannedError("ecQrCode: nothing was scanned")
        if not isinstance(code, str) or len(code) != CODE_DIGITS or not code.isdecimal():
            raise CredentialError(f"ecQrCode: must be {CODE_DIGITS} digits")
        return self._shown(self._store.read(code)) | {"ecQrCode": code}

    def _authorise(self, data: dict[str, Any]) -> dict[str, Any]:
        """By face: the camera of a test bench sees the identity number in ``extData`` [ours]."""
        person = self._persons.by_certno(_text(data, "extData", 32))
        if person is None:
            raise CredentialError("extData: the face is nobody's in the register of persons")
        return {"authNo": self._store.new_code(self._card_of(person), "auth").code}

    def _by_authorisation(self, data: dict[str, Any]) -> dict[str, Any]:
        number = _text(data, "authNo", 64)
        return self._shown(self._store.read(number, "auth")) | {"authNo": number}

    def _by_identity_card(self, data: dict[str, Any]) -> dict[str, Any]:
        person = self._persons.by_certno(_text(data, "idNo", 32))
        if person is None:
            raise CredentialError("idNo: nobody in the register of persons")
        shown = self._store.new_code(self._card_of(person), "auth")
        return self._shown(self._store.read(shown.code, "auth")) | {"authNo": shown.code}

    def _check(self, data: dict[str, Any]) -> dict[str, Any]:
        """localEcTokenCheck: whether token, number and name belong together."""
        found = self._store.of_token(_text(data, "ecToken", 40))
        person = None if found is None else self._person(found)
        same = (
            person is not None
            and data.get("idNo") == person.certno
            and data.get("userName") == person.psn_name
            and data.get("idType") in (None, "", person.psn_cert_type)
        )
        return {"flag": "1" if same else "0"}

    # --- persons -------------------------------------------------------------------------------

    def _person(self, found: CredentialCard) -> InsuredPerson | None:
        return self._persons.holder(found.psn_no, found.card_sn)

    def _card_of(self, person: InsuredPerson) -> str:
        """卡识别码 of a card of this person that may pay."""
        for card_sn in self._store.cards_of(person.psn_no, person.card_id_codes):
            return card_sn
        raise CredentialError("the person has no card here that may pay")

    def _shown(self, found: CredentialCard) -> dict[str, Any]:
        person = self._person(found)
        if person is None:
            raise CredentialError("the holder is not in the register of persons")
        return {
            "userName": person.psn_name,
            "idNo": person.certno,
            "idType": person.psn_cert_type,
            "ecToken": found.token or self._store.token(found.card_sn),
            "insuOrg": found.division,
            "ecIndexNo": found.psn_no,
            "gender": person.gend,
            "birthday": person.brdy.replace("-", "."),
            "nationality": "CHN",
            "email": "",
            "chnlId": "",
            "authNo": "",
        }


class _NothingScannedError(CredentialError):
    answer = CANCELLED


def _request(body: bytes) -> dict[str, Any]:
    if len(body) > MOST_REQUEST:
        raise CredentialError(f"must be at most {MOST_REQUEST} bytes")
    try:
        request = json.loads(body.decode("utf-8-sig").rstrip("\0"))  # as .NET and C send it
    except UnicodeDecodeError:
        raise CredentialError("must be UTF-8") from None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise CredentialError("must be a JSON object")
    data = request.get("data")
    if isinstance(data, str):  # programs that take it as text send it as text
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            data = None
    if not isinstance(data, dict):
        raise CredentialError("data: must be an object")
    kind = request.get("transType", "")
    return {"transType": kind if isinstance(kind, str) else "", "data": data}


def _text(data: dict[str, Any], name: str, most: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise CredentialError(f"{name}: must be 1 to {most} characters")
    return value
