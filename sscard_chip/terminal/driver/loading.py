# SPDX-License-Identifier: Apache-2.0
"""账户划入 by the driver: what the centre has posted and the card has not got (flows, 2.11)."""

from __future__ import annotations

from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.standard.identifiers import DF04
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import CardInfo, InterfaceType, PinPrompt
from sscard_chip.terminal.loads import LoadResult, load_account
from sscard_chip.terminal.session import CardSession


def load_allocation(
    context: DriverContext,
    interface: InterfaceType,
    card: CardInfo,
    centre: LoadCentre,
    time: str,
) -> LoadResult:
    """PIN, INITIALIZE FOR LOAD, MAC2 of the centre, CREDIT FOR LOAD, TAC to the centre.

    :raises DriverError: -22 another card is in the slot; -51, -52.
    :raises LoadInDoubtError: the same call again, with the card back in the slot, finds out.
    :raises CentreError: the centre refuses or cannot be asked.
    """
    digits: str | None = None

    def open_card() -> CardSession:
        nonlocal digits
        session = context.open_card(interface, card)
        if digits is None:
            digits = context.verify_holder(session, PinPrompt.CURRENT)
        else:
            session.verify_pin(digits)
        session.enter(DF04)
        return session

    with context.sam(context.open_card(interface, card)) as sam:
        terminal_id = sam.terminal_id()
    return load_account(open_card, centre, terminal_id, time)
