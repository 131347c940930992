# SPDX-License-Identifier: Apache-2.0
"""The host of loads: MAC1 checked, MAC2 given, TAC kept, each load once (LD/T 32.7; flows, 2.11).

Of a card and its 划入序号 the ledger has one row with one amount. It is committed before MAC2
leaves, and counts as loaded from then on. Whatever INITIALIZE comes with that number gets a MAC2
for that amount: the card takes one of them. A number that has gone on says that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, TypeVar

import sqlalchemy as sa

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.loads import LoadDue, LoadGrant, LoadRequest
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.keystore import KeyMissingError, KeyStoreError
from sscard_chip.security.suite import SUITES, SessionCipher, pad
from sscard_chip.settlement.ledger import (
    CardStatus,
    Ledger,
    LedgerConflictError,
    LedgerError,
    LedgerTransaction,
    LedgerUnavailableError,
    status_of,
)
from sscard_chip.settlement.loading.due import fen_due
from sscard_chip.settlement.schema import cards as tables
from sscard_chip.settlement.schema.books import card as card_table
from sscard_chip.settlement.tac.keys import Enciphering
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.dates import TIME, is_digits, parse_time
from sscard_chip.standard.identifiers import LOAD
from sscard_chip.standard.keys import DLK, DTK
from sscard_chip.standard.messages import medical as messages

_Result = TypeVar("_Result")


class LoadHost:
    """A :class:`~sscard_chip.dayfile.loads.LoadCentre` on a ledger.

    ``keys`` has DLK and DTK, ``key_index`` is the one that cards are loaded with. ``now`` is the
    host's clock, which MAC2 is over; a terminal whose clock is more than ``clock_minutes`` off is
    refused. ``test_clock`` takes each terminal's time for the host's: for trials with fixed dates.
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: Enciphering,
        *,
        key_index: int = 1,
        clock_minutes: int = 5,
        now: Callable[[], datetime] = datetime.now,
        test_clock: bool = False,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._index = key_index
        self._skew = timedelta(minutes=clock_minutes)
        self._now = now
        self._test_clock = test_clock

    # --- what a terminal asks ------------------------------------------------------------------

    def due(self, card_id_code: bytes, card_number: str, time: str) -> LoadDue:
        """See :class:`~sscard_chip.dayfile.loads.LoadCentre`."""
        host_time = self._host_time(time)

        def read() -> LoadDue:
            with self._ledger.reading() as t:
                card = _payee(t, card_id_code, card_number, host_time)
                open_one = _open_load(t, card.id)
                if open_one is not None:
                    return LoadDue(open_one.fen, open_one.number, self._index)
                due = fen_due(t, card.account, host_time)
                return LoadDue(min(max(0, due), MAX_FEN), None, self._index)

        return _asked(read, changes=False)

    def authorise(self, request: LoadRequest) -> LoadGrant:
        """See :class:`~sscard_chip.dayfile.loads.LoadCentre`."""
        host_time = self._host_time(request.time)
        _check(request)
        session = self._session(request)
        if not compare_digest(session.mac(_mac1_input(request)), request.mac1):
            raise CentreRefusedError("MAC1 is not the card's over these data")
        time = _asked(
            lambda: self._ledger.run(lambda t: _begin(t, request, host_time)), changes=True
        )
        if time is None:
            return LoadGrant()
        message = messages.LOAD_MAC2.build(_fields(request) | {"time": bytes.fromhex(time)})
        return LoadGrant(time, session.mac(message))

    def confirm(self, card_id_code: bytes, number: int, tac: bytes, time: str) -> None:
        """See :class:`~sscard_chip.dayfile.loads.LoadCentre`."""
        host_time = self._host_time(time, late=True)

        def keep(t: LedgerTransaction) -> None:
            card = _card(t, card_id_code)
            t.balances([card.account], for_update=True)
            found = _load(t, card.id, number)
            if found is None:
                raise CentreRefusedError("the centre knows no such load")
            for one in _attempts(t, found.id):
                if self._is_tac(card, found, one, tac):
                    break
            else:
                raise CentreRefusedError("the TAC is wrong")
            if not _is_done(t, found.id):
                _finish(t, found.id, one.attempt, tac, host_time)

        _asked(lambda: self._ledger.run(keep), changes=True)

    # --- keys ----------------------------------------------------------------------------------

    def _session(self, request: LoadRequest) -> SessionCipher:
        """SESLK of a load; the card's DLK never leaves the store."""
        suite = SUITES[request.algorithm]
        factor = messages.LOAD_SESSION.build({"random": request.random, "number": request.number})
        chain = self._chain(request.card_id_code)
        block = factor.ljust(suite.block, b"\0")
        return suite.session(
            self._encrypt(request.algorithm, DLK, request.key_version, chain, block)
        )

    def _is_tac(self, card: Any, load: Any, attempt: Any, tac: bytes) -> bool:
        """Whether the TAC is the card's over an attempt."""
        suite = SUITES[attempt.algorithm]
        chain = _factors(bytes(card.card_id_code), bytes(card.factor))
        block = chain[2] + bytes(0xFF ^ byte for byte in chain[2])
        key = self._encrypt(attempt.algorithm, DTK, attempt.key_version, chain[:2], block)
        message = messages.LOAD_TAC.build(
            {
                "balance_fen": attempt.balance_fen + load.fen,
                "number": load.number,
                "amount_fen": load.fen,
                "transaction_type": LOAD,
                "terminal": bytes.fromhex(attempt.terminal_id),
                "time": bytes.fromhex(attempt.time),
            }
        )
        return compare_digest(suite.tac_mac(key)(pad(message, suite.block)), tac)

    def _chain(self, card_id_code: bytes) -> tuple[bytes, bytes, bytes]:
        def factor() -> bytes:
            with self._ledger.reading() as t:
                return bytes(_card(t, card_id_code).factor)

        return _factors(card_id_code, _asked(factor, changes=False))

    def _encrypt(
        self, algorithm: str, root: str, version: int, chain: Sequence[bytes], block: bytes
    ) -> bytes:
        try:
            return self._keys.encrypt(algorithm, root, version, chain, block)
        except KeyMissingError as error:
            raise CentreRefusedError(str(error)) from None
        except KeyStoreError as error:
            raise CentreUnreachableError(str(error)) from None

    def _host_time(self, terminal_time: str, *, late: bool = False) -> str:
        """The host's time; refused is a terminal whose clock is too far off. A proof of what is
        done may come ``late``.
        """
        when = parse_time(terminal_time)
        if when is None:
            raise CentreRefusedError("time: must be a time as YYYYMMDDhhmmss")
        now = when if self._test_clock else self._now()
        if when - now > self._skew or (now - when > self._skew and not late):
            raise CentreRefusedError("the terminal's clock is off that of the centre: set it")
        return now.strftime(TIME)


def _asked(work: Callable[[], _Result], *, changes: bool) -> _Result:
    """What the ledger says; its failures as a terminal must understand them."""
    try:
        return work()
    except LedgerConflictError as error:
        raise CentreUnreachableError(str(error)) from None
    except LedgerUnavailableError as error:
        kind = CentreNoAnswerError if changes and error.begun else CentreUnreachableError
        raise kind(str(error)) from None
    except LedgerError as error:  # the database has refused it
        raise CentreRefusedError(str(error)) from None


# --- in a transaction ----------------------------------------------------------------------------


def _begin(t: LedgerTransaction, request: LoadRequest, host_time: str) -> str | None:
    """Have a load in the ledger before its MAC2 leaves; the host's time that MAC2 is over.

    None when the request has shown that an earlier load was made: that is kept, nothing else.

    :raises CentreRefusedError:
    """
    card = _payee(t, request.card_id_code, request.card_number, host_time)
    t.balances([card.account], for_update=True)
    open_one = _open_load(t, card.id)
    if open_one is not None and request.number > open_one.number:
        _finish(t, open_one.id, None, None, host_time)
        return None
    if open_one is not None and request.number == open_one.number:
        again = _same_attempt(t, open_one.id, request)
        if again is not None:
            return again
        if request.amount_fen != open_one.fen:
            raise CentreRefusedError("this load was begun with another amount")
        if fen_due(t, card.account, host_time) < 0:
            raise CentreRefusedError("the account has not so much any more")
        return _attempt(t, open_one.id, request, host_time)
    newest = sa.func.coalesce(sa.func.max(tables.load.c.number), -1)
    last = sa.select(newest).where(tables.load.c.card == card.id)
    if request.number <= t.connection.execute(last).scalar_one():
        raise CentreRefusedError("the card is behind its loads: it is not as it was left")
    if request.amount_fen > fen_due(t, card.account, host_time):
        raise CentreRefusedError("the card is not due so much")
    number = int(t.take_ids(tables.load, 1)[0])
    values = {"id": number, "card": card.id, "number": request.number, "fen": request.amount_fen}
    t.connection.execute(sa.insert(tables.load).values(values))
    return _attempt(t, number, request, host_time)


def _card(t: LedgerTransaction, card_id_code: bytes) -> Any:
    found = t.connection.execute(
        sa.select(card_table).where(card_table.c.card_id_code == card_id_code)
    ).one_or_none()
    if found is None:
        raise CentreRefusedError("the card is not registered here")
    return found


def _payee(t: LedgerTransaction, card_id_code: bytes, card_number: str, time: str) -> Any:
    """The register's row of a card that may be loaded."""
    card = _card(t, card_id_code)
    if card.card_number != card_number:
        raise CentreRefusedError("卡号 is not that of the card")
    status = status_of(t, card.id, time)
    if status is not CardStatus.NORMAL:
        raise CentreRefusedError(f"the card is {status.chinese} ({status.name.lower()})")
    if card.valid_to is not None and card.valid_to < int(time[:8]):
        raise CentreRefusedError("the card has expired")
    return card


def _open_load(t: LedgerTransaction, card: int) -> Any:
    """The load of a card that was begun and is not known to be done; there is one at most."""
    load, done = tables.load, tables.load_done
    return t.connection.execute(
        sa.select(load)
        .where(load.c.card == card)
        .where(~sa.exists().where(done.c.load == load.c.id))
        .order_by(load.c.number.desc())
        .limit(1)
    ).one_or_none()


def _load(t: LedgerTransaction, card: int, number: int) -> Any:
    table = tables.load
    wanted = sa.select(table).where(table.c.card == card, table.c.number == number)
    return t.connection.execute(wanted).one_or_none()


def _attempts(t: LedgerTransaction, load: int) -> list[Any]:
    table = tables.load_attempt
    wanted = sa.select(table).where(table.c.load == load).order_by(table.c.attempt)
    return list(t.connection.execute(wanted))


def _same_attempt(t: LedgerTransaction, load: int, request: LoadRequest) -> str | None:
    """The host's time of the attempt that this very INITIALIZE has got, if there is one."""
    for one in _attempts(t, load):
        if bytes(one.random) == request.random and one.terminal_id == request.terminal_id:
            return str(one.time)
    return None


def _attempt(t: LedgerTransaction, load: int, request: LoadRequest, host_time: str) -> str:
    values = {
        "load": load,
        "attempt": len(_attempts(t, load)) + 1,
        "terminal_id": request.terminal_id,
        "time": host_time,
        "balance_fen": request.balance_fen,
        "algorithm": request.algorithm,
        "key_version": request.key_version,
        "random": request.random,
    }
    t.connection.execute(sa.insert(tables.load_attempt).values(values))
    return host_time


def _is_done(t: LedgerTransaction, load: int) -> bool:
    found = sa.select(tables.load_done.c.load).where(tables.load_done.c.load == load)
    return t.connection.execute(found).first() is not None


def _finish(
    t: LedgerTransaction, load: int, attempt: int | None, tac: bytes | None, time: str
) -> None:
    values = {"load": load, "attempt": attempt, "tac": tac, "time": time}
    t.connection.execute(sa.insert(tables.load_done).values(values))


# --- bytes ---------------------------------------------------------------------------------------


def _check(request: LoadRequest) -> None:
    """What no card and no terminal says.

    :raises CentreRefusedError:
    """
    if request.algorithm not in SUITES:
        raise CentreRefusedError("algorithm: is not known here")
    if not is_digits(request.terminal_id, 12):
        raise CentreRefusedError("terminal_id: must be 12 digits")
    if (len(request.random), len(request.mac1)) != (4, 4):
        raise CentreRefusedError("random, MAC1: must be 4 bytes")
    if not 0 < request.amount_fen <= MAX_FEN or not 0 <= request.balance_fen <= MAX_FEN:
        raise CentreRefusedError(f"amount: must be from 1 to {MAX_FEN} fen")
    if not 0 <= request.number < 0xFFFF or not 0 < request.key_version <= 0xFF:
        raise CentreRefusedError("number, key version: must be such as a card has")


def _fields(request: LoadRequest) -> dict[str, Any]:
    return {
        "balance_fen": request.balance_fen,
        "amount_fen": request.amount_fen,
        "transaction_type": LOAD,
        "terminal": bytes.fromhex(request.terminal_id),
    }


def _mac1_input(request: LoadRequest) -> bytes:
    return bytes(messages.LOAD_MAC1.build(_fields(request)))


def _factors(card_id_code: bytes, factor: bytes) -> tuple[bytes, bytes, bytes]:
    city = card_id_code[:3].hex()
    return province_factor(city), city_factor(city), factor
