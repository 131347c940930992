# SPDX-License-Identifier: Apache-2.0
"""Cards and PSAMs for judging a terminal, and our own till as one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from issuance.broken import break_card
from issuance.fixtures.holder import INVENTED_HOLDER
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.psam import derive_own_keys, make_psam
from sscard_chip.dayfile.authoriser import CentreRefusedError, Hold, HoldRequest
from sscard_chip.dayfile.rows import DayRow
from sscard_chip.filesystem.files import LinearFile, TransparentFile
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.identifiers import DF04, OFFLINE_FILE
from sscard_chip.standard.settlement_mode import (
    OfflineUse,
    SettlementMode,
    SettlementRegion,
    Split,
)
from sscard_chip.terminal.conformance.psam import OwnSecrets
from sscard_chip.terminal.conformance.tills import (
    CAP_FEN,
    CAP_TIMES,
    CardWish,
    SaleAnswer,
    SaleCentre,
    SaleOrder,
    Workplace,
)
from sscard_chip.terminal.pos import Bill, Till, TillSettings
from sscard_chip.terminal.pos.errors import SaleRefusedError, UnfinishedSaleError

_TERMINAL: Final = "510100000001"
_INFORMATION: Final = (0x001A, 0x001B, 0x001C)
_PHARMACY: Final = "P51010000001"


class IssuedWorkshop:
    """Cards and PSAMs of one store of root keys, which must give its roots away."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._card = lru_cache(maxsize=64)(self._make_card)
        self._psam = lru_cache(maxsize=4)(self._make_psam)

    def card(self, wish: CardWish) -> Memory:
        """See :class:`Workshop`."""
        return self._card(wish)

    def psam(self, *, level: int, version: int = 1) -> Memory:
        """See :class:`Workshop`."""
        return self._psam(level, version)

    def terminal_number(self) -> bytes:
        """See :class:`Workshop`."""
        return bytes.fromhex(_TERMINAL)

    def _make_card(self, wish: CardWish) -> Memory:
        fields: dict[str, object] = {
            **INVENTED_HOLDER,
            "issue_date": "20250102",
            "expiry_date": "20350102",
            "account": {"balance_fen": wish.balance_fen},
            "pin": wish.pin or None,
        }
        profile = for_generation(wish.generation, settlement_mode=wish.mode, with_account=True)
        memory = issue_card(
            wish.generation, self._store, Holder.from_object(fields | dict(wish.changes)),
            algorithm=wish.algorithm, serial=bytes.fromhex(wish.serial), profile=profile,
        )  # fmt: skip
        if wish.mode is SettlementMode.TEMPORARY_OFFLINE:
            _put_use(memory, wish.use)
        return break_card(memory, wish.broken) if wish.broken else memory

    def _make_psam(self, level: int, version: int) -> Memory:
        memory = make_psam(self._store, level=level, terminal_id=_TERMINAL, serial="1")
        for directory in FileSystem(memory).directories:
            for fid in _INFORMATION:
                file = directory.files.get(fid)
                if isinstance(file, TransparentFile):
                    memory.write(file.body, bytes((version,)))
        memory.commit()
        return memory


def _put_use(memory: Memory, use: OfflineUse) -> None:
    """EF06 of DF04: 90, 92 and 93."""
    values = {
        0x90: b"1" if use.allowed else b"0",
        0x92: bytes.fromhex(f"{use.amount_fen:08}"),
        0x93: f"{use.times:02}".encode(),
    }
    (medical,) = (one for one in FileSystem(memory).directories if one.fid == DF04)
    file = medical.files[OFFLINE_FILE]
    if not isinstance(file, LinearFile):
        raise TypeError("EF06 has no records")
    for tag, value in values.items():
        file.stage_update(file.numbers(tag)[0], bytes((tag, len(value))) + value)
        memory.commit()


def own_secrets(store: KeyStore, serial: bytes) -> Callable[[str], OwnSecrets]:
    """The own keys, by suite, of a PSAM that was made here; ``serial`` 10 bytes."""

    def own(algorithm: str) -> OwnSecrets:
        keys = derive_own_keys(store, algorithm, serial)
        return OwnSecrets(keys.application_key, keys.access)

    return own


class _Asking:
    """The centre of a workplace, as our till asks one."""

    def __init__(self, centre: SaleCentre) -> None:
        self._centre = centre

    def authorise(self, request: HoldRequest) -> Hold:
        """See :class:`Authoriser`."""
        return Hold("S" + request.msgid[-8:], None, None, self._centre.hold(request.split))

    def confirm(self, row: DayRow) -> OfflineUse | None:
        """See :class:`Authoriser`."""
        return self._centre.settle(row.tac or b"")

    def cancel(self, row: DayRow, msgid: str) -> str:
        """Nothing is cancelled here."""
        raise CentreRefusedError("nothing is cancelled here")

    def reverse(self, msgid: str) -> None:
        """A hold that was not paid is dropped."""


class OurTill:
    """The till of this project as a terminal under judgement.

    It is opened for each sale, as after a restart: what is open stands in its files.
    """

    def __init__(self, place: Workplace) -> None:
        self._place = place
        region = SettlementRegion(_TERMINAL[:6], place.mode, CAP_FEN, CAP_TIMES)
        self._settings = TillSettings(_PHARMACY, region)

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """See :class:`JudgedTerminal`."""
        bill = Bill(Split(order.account_fen, order.self_paid_fen, order.pooled_fen))
        try:
            with self._open(order.time[:8]) as till:
                outcome = till.sell(bill, order.time)
        except UnfinishedSaleError:
            return SaleAnswer("open")
        except SaleRefusedError:
            return SaleAnswer("refused")
        return SaleAnswer("paid", outcome.row.tac or b"", suspect=outcome.mac2 is False)

    def end_day(self) -> None:
        """What is owed to the centre is told, and the day closed."""
        with self._open(None) as till:
            till.close_day()

    def _open(self, date: str | None) -> Till:
        place = self._place
        return Till.open(
            self._settings, place.card, place.psam, place.folder / "DAY.tsv",
            pin_entry=place.ask_pin, hotlist=place.hotlist, business_date=date,
            authoriser=_Asking(place.centre) if place.centre else None,
        )  # fmt: skip
