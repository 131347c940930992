# SPDX-License-Identifier: Apache-2.0
"""The till's PSAM: a SamClient whose every failure is reported as the PSAM's and not the card's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import Connection, TerminalConnectionError
from sscard_chip.terminal.pos.errors import BrokenOffError, Refusal, SaleRefusedError
from sscard_chip.terminal.psam_client import (
    ENVIRONMENTS,
    CardFactors,
    Mac1,
    PurchaseRequest,
    SamClient,
    SamEnvironmentError,
    SamError,
)


class Psam:
    """A PSAM in a slot; None for a till without one, which then only recovers and closes.

    Every method, and the block of :meth:`asked`, raises :class:`BrokenOffError` when the
    connection fails (the next :meth:`open` powers the PSAM on anew) and
    :class:`SaleRefusedError` when the PSAM cannot help. ``awaited`` is the msgid of the sale
    whose MAC2 it waits for: until then nothing else may be sent to it.
    """

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection
        self._client: SamClient | None = None
        self.awaited: str | None = None

    @property
    def present(self) -> bool:
        """Whether the till has a slot for one."""
        return self._connection is not None

    def open(self, algorithm: str) -> None:
        """Enter DF01 in the environment of an algorithm."""
        self.awaited = None
        with self.asked() as client:
            client.open(algorithm)

    def identify(self) -> tuple[str, str]:
        """终端机编号 (12 digits) and PSAM序列号 (20 digits), from any environment there is."""
        for algorithm in ENVIRONMENTS:
            with contextlib.suppress(_NoEnvironmentError):
                self.open(algorithm)
                with self.asked() as client:
                    return client.terminal_id(), client.serial()
        raise SaleRefusedError(Refusal.PSAM, "it has no environment that is known")

    def init_purchase(self, request: PurchaseRequest, factors: CardFactors, msgid: str) -> Mac1:
        """MAC1 for the sale ``msgid``, whose MAC2 the PSAM then waits for."""
        with self.asked() as client:
            answer = client.init_purchase(request, factors)
        self.awaited = msgid
        return answer

    def credit(self, msgid: str, mac2: bytes) -> bool | None:
        """Whether MAC2 of the sale is right; None when the PSAM does not wait for it any more.

        The card has paid by then, so here a PSAM that fails is no error.
        """
        if self.awaited != msgid:
            return None
        self.awaited = None
        with contextlib.suppress(SaleRefusedError), self.asked() as client:
            return client.credit(mac2)
        return None

    def power_off(self) -> None:
        """Switch it off, whatever state it is in."""
        self.awaited = None
        if self._client is not None:
            with contextlib.suppress(TerminalConnectionError):
                self._client.power_off()

    @contextlib.contextmanager
    def asked(self) -> Iterator[SamClient]:
        """The client of the PSAM. Only the PSAM may be asked in the block."""
        if self._connection is None:
            raise SaleRefusedError(Refusal.PSAM, "the till has none")
        if self._client is None:
            self._client = SamClient(self._connection)
        try:
            yield self._client
        except TerminalConnectionError as error:
            self._client = self.awaited = None
            raise BrokenOffError(Refusal.PSAM, str(error)) from None
        except SamEnvironmentError as error:
            raise _NoEnvironmentError(Refusal.NOT_SUPPORTED, str(error)) from None
        except (SamError, CardStatusError) as error:
            raise SaleRefusedError(Refusal.PSAM, str(error)) from None


class _NoEnvironmentError(SaleRefusedError):
    """The PSAM has no environment for an algorithm."""
