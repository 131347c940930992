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
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion, Split
from sscard_chip.terminal.conformance.psam import OwnSecrets
from sscard_chip.terminal.conformance.tills import (
    CardWish,
    SaleAnswer,
    SaleOrder,
    Workplace,
)
from sscard_chip.terminal.pos import Bill, Till, TillSettings
from sscard_chip.terminal.pos.errors import SaleRefusedError, UnfinishedSaleError

_TERMINAL: Final = "510100000001"
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

    def psam(self, *, level: int) -> Memory:
        """See :class:`Workshop`."""
        return self._psam(level)

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
        profile = for_generation(
            wish.generation, settlement_mode=SettlementMode.OFFLINE, with_account=True
        )
        memory = issue_card(
            wish.generation, self._store, Holder.from_object(fields | dict(wish.changes)),
            algorithm=wish.algorithm, serial=bytes.fromhex(wish.serial), profile=profile,
        )  # fmt: skip
        return break_card(memory, wish.broken) if wish.broken else memory

    def _make_psam(self, level: int) -> Memory:
        return make_psam(self._store, level=level, terminal_id=_TERMINAL, serial="1")


def own_secrets(store: KeyStore, serial: bytes) -> Callable[[str], OwnSecrets]:
    """The own keys, by suite, of a PSAM that was made here; ``serial`` 10 bytes."""

    def own(algorithm: str) -> OwnSecrets:
        keys = derive_own_keys(store, algorithm, serial)
        return OwnSecrets(keys.application_key, keys.access)

    return own


class OurTill:
    """The till of this project as a terminal under judgement.

    It is opened for each sale, as after a restart: what is open stands in its files.
    """

    def __init__(self, place: Workplace) -> None:
        self._place = place
        region = SettlementRegion(_TERMINAL[:6], SettlementMode.OFFLINE, 100_000, 10)
        self._settings = TillSettings(_PHARMACY, region)

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """See :class:`JudgedTerminal`."""
        place = self._place
        bill = Bill(Split(order.account_fen, order.self_paid_fen, order.pooled_fen))
        try:
            with Till.open(
                self._settings, place.card, place.psam, place.folder / "DAY.tsv",
                pin_entry=place.ask_pin, hotlist=place.hotlist, business_date=order.time[:8],
            ) as till:  # fmt: skip
                outcome = till.sell(bill, order.time)
        except UnfinishedSaleError:
            return SaleAnswer("open")
        except SaleRefusedError:
            return SaleAnswer("refused")
        return SaleAnswer("paid", outcome.row.tac or b"", suspect=outcome.mac2 is False)
