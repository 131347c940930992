# SPDX-License-Identifier: Apache-2.0
"""iVerifyPIN, iChangePIN, iReloadPIN, iUnblockPIN (LD/T 33; flows, 2.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.standard.commands import (
    PIN_CHANGE_UNBLOCK,
    PIN_UNBLOCK_HEADER,
    pin_reload_header,
)
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.keys import PUK, PUK_KID, STKSSSE
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import (
    AuthenticationData,
    CardInfo,
    CommandRequest,
    InterfaceType,
    PinPrompt,
    ProofRequest,
)
from sscard_chip.terminal.session import CardSession

_BLOCKS: Final = {0x01: 8, 0x02: 16, 0x03: 16}
"""Block length of the suites by 算法标识: DES, SSF33, SM4."""


@dataclass(slots=True)
class PendingService:
    """Between the steps of a reload or an unblock. ``header`` is what Step 3 must begin with,
    ``authorised`` says that Step 2 is done.
    """

    session: CardSession
    reload: bool
    header: bytes
    authorised: bool = False


def verify_holder_pin(context: DriverContext, interface: InterfaceType) -> None:
    """Verify the holder's PIN; nothing to do when none is set.

    :raises DriverError: -51 wrong, -52 locked.
    """
    context.verify_holder(context.open(interface))


def change_holder_pin(context: DriverContext, interface: InterfaceType) -> None:
    """Change the PIN: the old one, then twice the new one.

    :raises DriverError: -34 the two differ, -36 the new one is an initial PIN, -51, -52.
    """
    session = context.open(interface)
    old = context.ask_pin(PinPrompt.CURRENT) if session.pin_needed() else ""
    new = context.ask_new_pin()
    if new in context.settings.initial_pins:
        raise DriverError(ReturnCode.NEW_PIN_IS_INITIAL, "the new PIN is the initial PIN")
    session.change_pin(old, new)


def service(
    context: DriverContext, interface: InterfaceType, card: CardInfo, *, reload: bool
) -> None:
    """Reload (a new PIN) or unblock (the tries back) with the PSAM: PUK, then STK.

    :raises DriverError: the PSAM is missing or cannot help; -34.
    """
    session = context.open_card(interface, card)
    new = context.ask_new_pin() if reload else ""
    context.authenticate(session, PUK_KID)
    challenge = session.challenge()
    with context.sam(session) as sam:
        if reload:
            header = PIN_CHANGE_UNBLOCK.header(0x00, 0x01)
            command = sam.enciphered_command(STKSSSE, session.factors, challenge, header, bcd(new))
        else:
            header = PIN_UNBLOCK_HEADER
            command = header + sam.command_mac(STKSSSE, session.factors, challenge, header)
    session.client.exchange(command).required()


def begin_service(
    context: DriverContext, interface: InterfaceType, card: CardInfo, *, reload: bool
) -> tuple[PendingService, ProofRequest]:
    """Step 1: challenges for the external authentication of PUK."""
    session = context.open_card(interface, card)
    original, factor = session.challenge(), session.challenge()
    address = context.settings.addresses.address(PUK)
    pending = PendingService(session, reload, _header(session, reload=reload))
    return pending, ProofRequest(session.algorithm_code, address, factor, original)


def authorise_service(
    context: DriverContext, pending: PendingService, proof: AuthenticationData
) -> CommandRequest:
    """Step 2: the external authentication, and what the HSM needs for the command."""
    session = pending.session
    new = context.ask_new_pin() if pending.reload else ""
    session.external_authenticate(PUK_KID, proof.data, proof.original)
    address = context.settings.addresses.address(STKSSSE)
    challenge = session.challenge()
    pending.authorised = True
    return CommandRequest(session.algorithm_code, address, challenge, pending.header, new)


def finish_service(pending: PendingService, command: bytes) -> None:
    """Step 3: the HSM's command goes to the card.

    :raises DriverError: -42 another length, -14 another header than the one announced.
    """
    if len(command) != 5 + pending.header[4]:
        raise DriverError(ReturnCode.LENGTH, "pKey has another length than the command")
    if not command.startswith(pending.header):
        raise DriverError(ReturnCode.PARAMETER, "pKey is not the command that was asked for")
    pending.session.client.exchange(command).required()


def _header(session: CardSession, *, reload: bool) -> bytes:
    """CLA INS P1 P2 Lc."""
    return pin_reload_header(_BLOCKS[session.algorithm_code]) if reload else PIN_UNBLOCK_HEADER
