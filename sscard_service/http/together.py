# SPDX-License-Identifier: Apache-2.0
"""Views that come over HTTP at the same time are answered together.

While one lot is read and audited in a worker thread, the event loop takes what comes meanwhile;
that is the next lot. Nobody waits for others to come: who is alone is a lot of one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets as random
from typing import Final

from starlette.types import Scope

from sscard_chip.faults import describe_fault
from sscard_chip.settlement.ledger import LedgerError
from sscard_service.answers import ServiceAnswer
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor
from sscard_service.http.asking import PUBLIC_CHANNEL
from sscard_service.viewing import AskedView
from sscard_service.work import ServiceOperation

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 64
"""Views of a lot."""
_LOTS: Final = 2
"""Lots at once: while one waits for the disk, the next is read."""
_LONGEST: Final = 64
_SPECIAL: Final = frozenset({b"x-client", b"x-clerk", b"x-second-clerk", b"transfer-encoding"})


def view_of(
    centre: ServiceCentre, operation: ServiceOperation, scope: Scope, source: str
) -> AskedView | None:
    """The view that a request asks for by nothing but a session; None for any other request."""
    if scope["query_string"]:
        return None
    names = {b"authorization": "", b"x-device": "", b"idempotency-key": "", b"content-length": ""}
    for name, value in scope["headers"]:
        if name in _SPECIAL or names.get(name):
            return None
        if name in names:
            names[name] = value.decode("latin-1")
    token, device, number, length = names.values()
    scheme, _, token = token.partition(" ")
    if scheme.lower() != "bearer" or length.strip("0"):
        return None
    for text in (device, number):
        if len(text) > _LONGEST or not (text.isascii() and text.isprintable()):
            return None
    actor = ServiceActor("holder", "", device, source[:64])
    number = number or f"http-{random.token_hex(12)}"
    return centre.asked_view(operation, PUBLIC_CHANNEL, actor, token.strip(), number)


class ViewsTogether:
    """What waits in the event loop to be viewed."""

    def __init__(self, centre: ServiceCentre) -> None:
        self._centre = centre
        self._waiting: list[tuple[AskedView, asyncio.Future[ServiceAnswer | None]]] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        """The loop itself keeps no task."""

    async def answer(self, view: AskedView) -> ServiceAnswer | None:
        """The answer, after its audit row is kept; None: it has to go the long way.

        :raises ServiceRefusedError: DOWN.
        """
        future: asyncio.Future[ServiceAnswer | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((view, future))
        if self._under_way < _LOTS:
            self._under_way += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        """Answer lot after lot until nobody waits. That it ends is known in the same step: who asks
        before the loop has done with the task is waited for by nobody else."""
        try:
            await self._answer_all()
        finally:
            self._under_way -= 1

    async def _answer_all(self) -> None:
        while self._waiting:
            lot, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            answers = await asyncio.to_thread(self._answer, [one for one, _ in lot])
            for at, (_, future) in enumerate(lot):
                if future.done():  # whoever asked has gone
                    continue
                if answers is None:
                    future.set_exception(ServiceRefusedError(Code.DOWN))
                else:
                    future.set_result(answers[at])

    def _answer(self, views: list[AskedView]) -> list[ServiceAnswer | None] | None:
        """The answers of a lot; None where the ledger is away. Where something of ours is wrong
        each goes the long way, alone, so that it is one person's fault and nobody else's."""
        try:
            return self._centre.views.answer(views)
        except LedgerError:
            return None
        except Exception as fault:  # in the thread: a StopIteration would never leave it
            _LOG.error("views have no answer: %s", describe_fault(fault))
            return [None] * len(views)
