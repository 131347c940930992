# SPDX-License-Identifier: Apache-2.0
"""Who is asked about, who asks, and what he shows for it: what every channel translates into.

All are typed models, so that a channel makes them out of JSON and gets every broken rule at once.
None is ever written into a log.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal

from sscard_chip.standard.documents import rule
from sscard_service.fields import PrivateModel, plain
from sscard_service.store.persons import check_name, normal_identity

MOST_DOCUMENT: Final = 8 * 1024 * 1024
"""Bytes of a photo or a scanned document, at most."""


def _identity_rule(text: str) -> str | None:
    plain = normal_identity(text)
    if not text:
        return None
    if len(plain) == 15 and plain.isdecimal():
        return "is an identity number of 15 digits: the one of 18 is needed"
    if not 6 <= len(plain) <= 18 or not plain.isascii() or not plain.isalnum():
        return "must be an identity number of 18 characters"
    return None


def _name_rule(text: str) -> str | None:
    return check_name(text) if text else None


def _content_rule(text: str) -> str | None:
    if len(text) > MOST_DOCUMENT * 4 // 3 + 4:
        return f"must be at most {MOST_DOCUMENT} bytes"
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "must be Base64"
    return None


_Identity = Annotated[str, rule(check=_identity_rule)]
_Name = Annotated[str, rule(check=_name_rule)]
_Password = Annotated[str, plain(64)]
_Tail = Annotated[str, rule("must be the last six of the card number", pattern="[0-9A-Za-z]{6}|")]
_CardName = Annotated[
    str, rule("must be a card number", pattern="[0-9A-Za-z]{1,9}|[0-9A-Fa-f]{32}|")
]
_PsnNo = Annotated[str, rule("must be at most 30 characters", pattern="[0-9A-Za-z]{1,30}|")]
_Receipt = Annotated[str, rule("must be the number of a receipt", pattern="[0-9A-Z]{10,26}|")]
_Code = Annotated[str, rule("must be six digits", pattern="[0-9]{6}|")]
_Token = Annotated[str, rule("must be a token", pattern="[0-9A-Za-z_-]{20,64}|")]
_Text64 = Annotated[str, plain(64)]


class ServiceSubject(PrivateModel, frozen=True):
    """Whom or what an operation is about: one of these, or nothing for the holder of a session.

    ``identity`` as it was typed; ``card`` a 卡号, or a 卡识别码 in hex; ``psn_no`` the number at
    the centre, which only clerks name; ``receipt`` that of an application, voucher or paper.
    """

    WHAT = "a subject"

    identity: _Identity = ""
    card: _CardName = ""
    psn_no: _PsnNo = ""
    receipt: _Receipt = ""


class ServiceActor(PrivateModel, frozen=True):
    """Who asks: the holder himself, a clerk (``name`` is the clerk's number) or a program.

    ``device`` is the terminal or program, ``source`` where the request came from (an address or
    a telephone number), by which wrong proofs are counted; it is kept as a digest.
    """

    WHAT = "an actor"

    kind: Literal["holder", "clerk", "program"] = "holder"
    name: _Text64 = ""
    device: _Text64 = ""
    source: _Text64 = ""


class CardProof(PrivateModel, frozen=True):
    """A card in a reader of the channel: authenticated by its key, PIN verified, or neither."""

    card_id_code: Annotated[str, rule("must be 32 hex digits", pattern="[0-9A-Fa-f]{32}")]
    authenticated: bool = False
    pin_verified: bool = False


class SeenDocument(PrivateModel, frozen=True):
    """A document that a clerk or an identity reader has seen; ``kind`` by BZ (A citizen)."""

    identity: _Identity
    name: _Name = ""
    kind: Annotated[str, rule("must be a type of BZ", pattern="[ACDJKM]")] = "A"
    copy: Annotated[bool, rule(title="Whether a copy was kept")] = False


class OtherPerson(PrivateModel, frozen=True):
    """Who comes in the holder's place: a proxy (代办人) or a guardian (监护人).

    ``relation`` by XN: 1 spouse, 21, 22 father-son, -daughter, 31, 32 mother-, 4 grandchild,
    6 grandparent, 7 sibling, 8 other. A proxy shows both documents, original and copy.
    """

    name: _Name
    identity: _Identity
    relation: Annotated[str, rule("must be a relation of XN", pattern="1|21|22|31|32|4|6|7|8")] = (
        "8"
    )
    phone: Annotated[str, rule("must be 11 digits", pattern="1[0-9]{10}|")] = ""
    document: SeenDocument | None = None


class ServiceEvidence(PrivateModel, frozen=True):
    """What is shown for a request; what of it counts is the channel's (``proofs``).

    ``document`` was seen by a clerk, ``identity_card`` by a reader of the channel, ``face`` says
    that a signed channel has compared the face, ``bank_reference`` is the bank's consent, and
    ``second_clerk`` has confirmed what one clerk alone must not do.
    """

    WHAT = "evidence"

    session: _Token = ""
    name: _Name = ""
    card_number: Annotated[_Tail, rule(title="The last six of the card number")] = ""
    query_password: _Password = ""
    phone_code: _Code = ""
    ecard_password: _Password = ""
    face: bool = False
    card: CardProof | None = None
    identity_card: SeenDocument | None = None
    document: SeenDocument | None = None
    proxy: OtherPerson | None = None
    guardian: OtherPerson | None = None
    bank_reference: _Text64 = ""
    second_clerk: _Text64 = ""
    photo: Annotated[str, rule(check=_content_rule, title="JPEG as Base64")] = ""
    papers: dict[
        Annotated[str, rule("must be a kind of paper", pattern="[a-z_]{1,20}")],
        Annotated[str, rule(check=_content_rule, title="Base64")],
    ] = {}
