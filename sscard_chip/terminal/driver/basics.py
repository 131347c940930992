# SPDX-License-Identifier: Apache-2.0
"""iReadCardBas: who the holder is, with the proof that the card is genuine (LD/T 33; flows, 2.1).

Cards of generation 3 want RKSSSE for the holder's file, those before give it freely. Whether
the card is genuine is proved with IRK wherever there is a PSAM or an HSM.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from sscard_chip.profile.codec import decode_value, join_name
from sscard_chip.profile.model import FileDeclaration
from sscard_chip.standard.identifiers import HOLDER_FILE, ISSUER_FILE, SSSE
from sscard_chip.standard.keys import IRK
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError, ReturnCode, code_of
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import (
    AuthenticationData,
    BasicsRequest,
    CardBasics,
    InterfaceType,
)
from sscard_chip.terminal.psam_client import SamError
from sscard_chip.terminal.session import CardSession

_ISSUED, _EXPIRES = 0x05, 0x06
_NUMBER, _NAME, _NAME_REST = 0x08, 0x09, 0x4E


class PartialBasicsError(DriverError):
    """The holder's file stayed closed. ``basics`` is the rest: 社会保障号码, 卡号 and 姓名 are
    empty, as LD/T 33 wants it of a 3.0 card without authentication.
    """

    def __init__(self, code: int, text: str, basics: CardBasics) -> None:
        super().__init__(code, text)
        self.basics = basics


@dataclass(frozen=True, slots=True)
class PendingBasics:
    """Between Step 1 and Step 2. ``proof`` is the card's answer of 8 bytes, to be compared."""

    session: CardSession
    request: BasicsRequest
    proof: bytes


def read_basics(context: DriverContext, interface: InterfaceType) -> CardBasics:
    """With the PSAM, or without one as far as the card lets it.

    :raises PartialBasicsError: the card wants RKSSSE and the PSAM is missing or cannot help.
    :raises DriverError: -21 when the card is not genuine.
    """
    session = context.open(interface)
    terminal = context.terminal_id(session)
    kid = _holder_key(session)
    try:
        _check_genuine(context, session)
        if kid is not None:
            context.authenticate(session, kid)
    except (DriverError, SamError, CardStatusError) as error:
        code = code_of(error)
        if code == ReturnCode.INTERNAL_AUTHENTICATION or (
            kid is None and code != ReturnCode.NO_PSAM
        ):
            raise
        if kid is not None:
            basics = _read(context, session, terminal, holder=False)
            raise PartialBasicsError(code, str(error), basics) from None
    return _read(context, session, terminal)


def begin_basics(context: DriverContext, interface: InterfaceType) -> PendingBasics:
    """Step 1: draw the challenges, let the card prove itself, leave it powered.

    Of each pair of challenges the first is the original, the second the factor; the card takes
    its last challenge for the external authentication (trace of a 3.0 card).
    """
    session = context.open(interface)
    original, factor = session.challenge(), session.challenge()
    proof = session.internal_authenticate(factor, original)
    external = external_factor = None
    if _holder_key(session) is not None:
        external, external_factor = session.challenge(), session.challenge()
    request = BasicsRequest(
        division=session.division,
        reset_information=session.historical.hex().upper(),
        algorithm_code=session.algorithm_code,
        identification=session.identification.hex().upper(),
        internal_factor=factor,
        internal_original=original,
        external_factor=external_factor,
        external_original=external,
    )
    return PendingBasics(session, request, proof)


def finish_basics(
    context: DriverContext,
    pending: PendingBasics,
    internal: AuthenticationData,
    external: AuthenticationData | None,
) -> CardBasics:
    """Step 2, with the HSM's proofs.

    :raises DriverError: -25 when the card's own proof is another than the HSM's, -14 when the
        card wants an external proof and there is none.
    """
    session, kid = pending.session, _holder_key(pending.session)
    same = compare_digest(internal.data, pending.proof)
    if not same or internal.original != pending.request.internal_original:
        raise DriverError(ReturnCode.HSM_DIFFERS, "the card's proof is not that of the HSM")
    if kid is not None:
        if external is None:
            raise DriverError(ReturnCode.PARAMETER, "pKey lacks the external authentication")
        session.external_authenticate(kid, external.data, external.original)
    return _read(context, session, context.terminal_id(session))


def _holder_key(session: CardSession) -> int | None:
    """The key that the holder's file wants, None where it is free."""
    return _holder_file(session).read.kid


def _holder_file(session: CardSession) -> FileDeclaration:
    return session.profile.environment.file(HOLDER_FILE)


def _check_genuine(context: DriverContext, session: CardSession) -> None:
    """INTERNAL AUTHENTICATE against the PSAM, randoms of the terminal."""
    factor, original = context.random(8), context.random(8)
    with context.sam(session) as sam:
        version = sam.key_version(IRK)
        expected = sam.authentication_data(IRK, session.factors, factor, original)
    if not compare_digest(session.internal_authenticate(factor, original, version), expected):
        raise DriverError(ReturnCode.INTERNAL_AUTHENTICATION, "the card is not genuine")


def _read(
    context: DriverContext, session: CardSession, terminal: str, *, holder: bool = True
) -> CardBasics:
    environment = session.profile.environment
    session.enter(SSSE)
    issuer = environment.file(ISSUER_FILE)
    raw_text = context.settings.raw_text
    dates = [_text(session, issuer, tag) for tag in (_ISSUED, _EXPIRES)]
    number = name = ""
    if holder:
        person = _holder_file(session)
        number = _text(session, person, _NUMBER, raw_text)
        name = join_name(
            _value(session, person, _NAME), _name_rest(session, person), raw_text=raw_text
        )
    return CardBasics(
        division=session.division,
        social_security_number=number,
        card_number=session.card_number if holder else "",
        identification=session.identification.hex().upper(),
        name=name,
        reset_information=session.historical.hex().upper(),
        version=session.version,
        issue_date=dates[0],
        expiry_date=dates[1],
        terminal_id=terminal,
        device_number=context.settings.device_number,
    )


def _name_rest(session: CardSession, person: FileDeclaration) -> bytes:
    """姓名扩展, empty where there is none: on 1.0 cards, and on some 2.0 cards that lack it."""
    if not person.record_numbers(_NAME_REST):
        return b""
    try:
        return _value(session, person, _NAME_REST)
    except CardStatusError as error:
        if error.sw != StatusWord.RECORD_NOT_FOUND:
            raise
        return b""


def _value(session: CardSession, file: FileDeclaration, tag: int) -> bytes:
    (item,) = (item for item in file.items if item.tag == tag)
    return session.record(tag, sfi=file.sfi, length=item.length)


def _text(session: CardSession, file: FileDeclaration, tag: int, raw_text: bool = False) -> str:
    (item,) = (item for item in file.items if item.tag == tag)
    return decode_value(item, _value(session, file, tag), raw_text=raw_text)
