# SPDX-License-Identifier: Apache-2.0
"""What is still to do when a sale is recorded: EF15, EF06, the centre's confirmation.

Each may be done again, so a break is no harm: the journal keeps it until it is done.
"""

from __future__ import annotations

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.standard.identifiers import DF04
from sscard_chip.terminal.pos.card import HolderPin, append_special, write_offline_use
from sscard_chip.terminal.pos.pending import OpenSale, PendingTask
from sscard_chip.terminal.pos.station import CARD_FAILURES, Station
from sscard_chip.terminal.session import CardSession


def finish_on_card(
    station: Station, session: CardSession, pin: HolderPin, sale: OpenSale
) -> list[str]:
    """Write what a recorded sale owes to its card, which is powered.

    The warnings; what failed stays in the journal for the next time that the card comes.
    """
    warnings = []
    for task in (PendingTask.SPECIAL, PendingTask.OFFLINE_USE):
        if task not in sale.tasks:
            continue
        try:
            warnings += _write(station, session, pin, sale, task)
            station.journal.done(sale.row.msgid, task)
        except CARD_FAILURES as error:
            warnings.append(f"{task} is not written yet, put the card in once more: {error}")
            break
    return warnings


def _write(
    station: Station, session: CardSession, pin: HolderPin, sale: OpenSale, task: PendingTask
) -> list[str]:
    station.sam.open(session.algorithm)
    session.enter(DF04)
    if task is PendingTask.SPECIAL:
        number, category = sale.row.transaction_number, sale.category or "9"
        if append_special(session, station.sam, number, category):
            return []
        return ["the card has no EF15: the category is not on it"]
    if sale.use_before is None or sale.use_after is None:
        return []
    pin.verify(session)
    if write_offline_use(session, station.sam, sale.use_before, sale.use_after):
        return []
    return ["EF06 was changed by another terminal: report this sale with the upload"]


def finish_owed(station: Station, session: CardSession, pin: HolderPin) -> list[str]:
    """What earlier sales of this card owe to it."""
    warnings = []
    for sale in station.journal.owing:
        if sale.row.card_id_code == session.identification:
            warnings += finish_on_card(station, session, pin, sale)
    return warnings


def confirm_sale(station: Station, sale: OpenSale) -> list[str]:
    """Inform the centre of a recorded sale, with the TAC; EF06 as it answers becomes a task."""
    if PendingTask.CONFIRM not in sale.tasks or station.authoriser is None:
        return []
    msgid = sale.row.msgid
    try:
        use = station.authoriser.confirm(sale.row)
    except (CentreUnreachableError, CentreNoAnswerError) as error:
        return [f"the centre is not told yet: {error}"]
    except CentreRefusedError as error:
        # The card has paid and nothing undoes it: the row stays, and the day's upload shows it.
        station.journal.done(msgid, PendingTask.CONFIRM)
        return [f"the centre refuses the settlement: {error}"]
    if use is not None and sale.use_before is not None:
        station.journal.add_use(msgid, use)
    station.journal.done(msgid, PendingTask.CONFIRM)
    return []


def confirm_all(station: Station) -> list[str]:
    """Inform the centre of all sales that it has not confirmed."""
    return [line for sale in station.journal.owing for line in confirm_sale(station, sale)]


def release_holds(station: Station) -> list[str]:
    """Let the centre drop holds of sales that were not paid (2601).

    One that is asked and not answered is not asked again: reconciliation decides.
    """
    if station.authoriser is None:
        return []
    warnings = []
    for msgid in station.journal.holds:
        station.spent.add(msgid)
        station.journal.release(msgid)
        try:
            station.authoriser.reverse(msgid)
        except CentreUnreachableError:
            station.journal.hold(msgid)
        except CentreNoAnswerError:
            warnings.append(f"reversal of {msgid}: no answer, reconcile it with the centre")
        except CentreRefusedError as error:
            warnings.append(f"reversal of {msgid}: {error}")
    return warnings
