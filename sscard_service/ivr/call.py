# SPDX-License-Identifier: Apache-2.0
"""A call: the flow played on a line. It translates keys into requests and answers into prompts.

A request is one :meth:`~sscard_service.centre.ServiceCentre.perform`, whole or not at all, so
whoever hangs up leaves nothing half done. "Done" is said after it has returned: after the commit.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any, Final

from sscard_chip.faults import describe_fault
from sscard_chip.standard.errors import SscardError
from sscard_service.answers import ServiceAnswer
from sscard_service.centre import ServiceCentre, checked_model
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.ivr.flow import DONE, OTHER, FlowStep, IvrFlow
from sscard_service.ivr.keypad import ENTRIES
from sscard_service.ivr.line import CallerLine, HungUpError, Spoken
from sscard_service.work import OPERATIONS, OperationEffect

_LOG: Final = logging.getLogger(__name__)
MOST_STEPS: Final = 200
"""Steps of a call; then it ends."""
_AGENT: Final = "0"


@unique
class CallEnd(StrEnum):
    """How a call has ended."""

    ENDED = "ended"
    TRANSFERRED = "transferred"
    HUNG_UP = "hung_up"


class IvrCall:
    """One call. ``caller`` is the number that it comes from, empty where it is withheld."""

    def __init__(
        self, flow: IvrFlow, centre: ServiceCentre, line: CallerLine, *, caller: str = ""
    ) -> None:
        self._flow = flow
        self._centre = centre
        self._line = line
        self._caller = caller
        self._id = secrets.token_hex(8)
        self._entries: dict[str, str] = {}
        self._values: Mapping[str, Any] = {}
        self._requests = 0
        self._open: dict[str, tuple[dict[str, str], str]] = {}
        self._refusals: Counter[str] = Counter()

    async def play(self) -> CallEnd:
        """Play the flow to its end."""
        try:
            await self._line.speak("chinese")
            name = self._flow.start
            for _ in range(MOST_STEPS):
                step = self._flow.steps[name]
                if step.language:
                    await self._line.speak(step.language)
                if step.menu:
                    name = await self._menu(step)
                elif step.collect:
                    name = await self._collect(step)
                else:
                    await self._line.say(self._spoken(step))
                    if step.transfer:
                        await self._line.transfer()
                        return CallEnd.TRANSFERRED
                    name = await self._operate(name, step) if step.operation else step.next
                if not name:
                    break
            await self._line.hang_up()
        except HungUpError:
            return CallEnd.HUNG_UP
        return CallEnd.ENDED

    # --- steps -----------------------------------------------------------------------------------

    async def _menu(self, step: FlowStep) -> str:
        found = await self._input(step, 1, step.menu.get)
        return found[0] or found[1]

    async def _collect(self, step: FlowStep) -> str:
        entry = ENTRIES[step.collect]
        elsewhere, value = await self._input(step, entry.most, entry.read)
        if elsewhere:
            return elsewhere
        self._entries[step.collect] = value
        return step.next

    async def _input(self, step: FlowStep, most: int, read: Any) -> tuple[str, str]:
        """Where the call goes instead, or what was entered."""
        flow, wrong, silent = self._flow, 0, 0
        while True:
            keys = await self._line.ask(step.say, most, flow.silence_seconds)
            value = None if keys is None else read(keys)
            if value is not None:
                return "", str(value)
            if keys is None:
                silent += 1
                if silent >= flow.silences:
                    return flow.silent, ""
            elif keys == _AGENT:
                return flow.agent, ""
            else:
                wrong += 1
                if wrong >= flow.tries:
                    return flow.failed, ""
                await self._line.say([Spoken("prompt", flow.wrong)])

    async def _operate(self, name: str, step: FlowStep) -> str:
        """Ask the centre. What was not answered is asked again under its own number."""
        used = {one: self._entries.get(one, "") for one in step.uses}
        before, number = self._open.get(name, (None, ""))
        if before != used:
            self._requests += 1
            number = f"ivr-{self._id}-{self._requests}"
        self._open[name] = (used, number)
        code = DONE
        try:
            answer = await asyncio.to_thread(self._answer, step.operation, used, number)
            if answer is None:
                code = str(Code.DOWN)
            else:
                self._values = answer.data
        except ServiceRefusedError as error:
            code = str(error.code)
        if code != Code.DOWN:
            del self._open[name]
        if code != DONE:
            self._refusals[name] += 1
            if self._refusals[name] >= self._flow.tries:
                return self._flow.down if code == Code.DOWN else self._flow.failed
        return step.on.get(code, step.on[OTHER])

    def _answer(self, operation: str, used: dict[str, str], number: str) -> ServiceAnswer | None:
        """The centre's answer; None where it is away, or something of ours is wrong, of which the
        log has type and place.

        :raises ServiceRefusedError: it was not done.
        """
        try:
            return self._perform(operation, used, number)
        except ServiceRefusedError:
            raise
        except (SscardError, OSError):
            return None
        except Exception as fault:  # in the thread: a StopIteration would never leave it
            _LOG.error("hotline: an operation has no answer: %s", describe_fault(fault))
            return None

    def _perform(self, operation: str, used: dict[str, str], number: str) -> ServiceAnswer:
        stops = OPERATIONS[operation].effect is OperationEffect.STOPS
        # Callers without a number are one source, so that guessing is counted; not for a loss,
        # which must be reported whoever else has guessed.
        source = self._caller or (f"call {self._id}" if stops else "withheld")
        return self._centre.perform(
            operation,
            checked_model(
                ServiceSubject,
                {"identity": used.get("identity", ""), "receipt": used.get("receipt", "")},
            ),
            ServiceActor(device="hotline", source=source[:64]),
            self._flow.channel,
            checked_model(
                ServiceEvidence,
                {
                    "card_number": used.get("card_tail", ""),
                    "query_password": used.get("password", ""),
                },
            ),
            number,
        )

    # --- what is said ----------------------------------------------------------------------------

    def _spoken(self, step: FlowStep) -> list[Spoken]:
        pieces: list[Spoken] = []
        for one in step.say:
            kind, colon, name = one.partition(":")
            if not colon:
                pieces.append(Spoken("prompt", one))
                continue
            value = self._values.get(name)
            if kind == "money":
                pieces += _money(int(value or 0))
            elif kind == "date":
                pieces.append(Spoken("date", str(value or "")))
            else:
                chosen = f"{name}_{value}"
                known = chosen if chosen in self._flow.prompts else f"{name}_{OTHER}"
                pieces.append(Spoken("prompt", known))
        return [one for one in pieces if one.value]


def _money(fen: int) -> list[Spoken]:
    """An amount: 123 yuan 45 fen."""
    yuan, rest = divmod(abs(fen), 100)
    pieces = [Spoken("prompt", "minus")] if fen < 0 else []
    pieces += [Spoken("number", str(yuan)), Spoken("prompt", "yuan")]
    return pieces + ([Spoken("number", str(rest)), Spoken("prompt", "fen")] if rest else [])
