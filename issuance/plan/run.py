# SPDX-License-Identifier: Apache-2.0
"""Playing a plan on a blank card, and taking up one that was broken off.

The card itself says where it is: blank, begun (then it is emptied and begun again), or frozen
(then only the phases behind FREEZE MF are played; they change nothing that they wrote already).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from issuance.plan.steps import TEMPORARY, TRANSPORT, ZERO, ChallengeUse, Phase, Plan, PlanStep
from sscard_chip.filesystem.layout import HISTORICAL_LENGTH, LifeCycle
from sscard_chip.profile.structure import ATR_FID
from sscard_chip.standard.commands import (
    CLEAR_DF,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    GET_INFO,
    SELECT,
)
from sscard_chip.standard.errors import IssuingError
from sscard_chip.standard.keys import MF_MASTER_KEY
from sscard_chip.standard.status import StatusWord, describe_status_word
from sscard_chip.terminal.client import Answer, ApduClient
from sscard_chip.terminal.connection import Connection

_INFO_LENGTH: Final = 15
_STATE_AT: Final = 7
_AFTER_FREEZE: Final = (Phase.PERSONALISATION, Phase.CHECK)

PlanProgress = Callable[[int, int, str], None]
"""Gets steps done, steps in all, and the name of the next."""


class PlanError(IssuingError):
    """A plan that could not be played to its end; one line, without any data of a command."""


class CardTakenError(PlanError):
    """A finished card that is not the plan's: of another person, or with another ATR."""


def run_plan(plan: Plan, connection: Connection, progress: PlanProgress | None = None) -> int:
    """Make the card behind ``connection`` the one of ``plan``; return the number of steps.

    Either way the card can be taken up again with the same plan. A refused transport key is not
    tried again: the cards of a batch share it, and its tries are few.

    :raises CardTakenError: when the card is another person's; nothing on it has changed then.
    :raises PlanError: when the card refuses a step or is blocked, and what the connection raises.
    """
    player = _Player(plan, connection)
    connection.power_on()
    state = player.state()
    if state == LifeCycle.DEVELOPMENT:
        player.clear()
    elif state == LifeCycle.WORKING:
        player.require_same_card()
        player.require_same_person()
    elif state != LifeCycle.INITIAL:
        raise PlanError("the card is blocked or damaged")
    frozen = state == LifeCycle.WORKING
    steps = [step for step in plan.steps if not frozen or step.phase in _AFTER_FREEZE]
    for done, step in enumerate(steps):
        if progress is not None:
            progress(done, len(steps), step.name)
        player.play(step)
    if player.state() != LifeCycle.WORKING:
        raise PlanError("the card is not in its working state at the end")
    return len(steps)


class _Player:
    def __init__(self, plan: Plan, connection: Connection) -> None:
        self._plan = plan
        self._connection = connection
        self._client = ApduClient(connection)

    def state(self) -> int:
        """The card's state, by GET INFO."""
        answer = self._client.send(GET_INFO, le=_INFO_LENGTH)
        if not answer.ok or len(answer.data) != _INFO_LENGTH:
            raise PlanError("GET INFO: the card is no blank card of this kind")
        return answer.data[_STATE_AT]

    def require_same_card(self) -> None:
        """A frozen card must be the one that this plan made."""
        if self._connection.atr[-HISTORICAL_LENGTH:] != self._plan.historical_bytes:
            raise CardTakenError("the card is frozen and has another ATR than the plan's")

    def require_same_person(self) -> None:
        """A frozen card must be of nobody yet, or of the person of this plan: both numbers."""
        for record in self._plan.person:
            *way, read = record.steps
            for step in way:
                self.play(step)
            answer = self._send(read)
            if not answer.ok:
                raise PlanError(f"{read.name}: {answer.sw:04X}, {describe_status_word(answer.sw)}")
            if answer.data not in (record.own, record.blank):
                raise CardTakenError("the card is another person's: it is issued already")
        if self._plan.person:
            self._connection.reset()

    def play(self, step: PlanStep) -> None:
        """One step; PlanError unless the card answers as it should."""
        if not step.header:
            self._connection.reset()
            return
        answer = self._send(step)
        if answer.sw >> 4 == StatusWord.VERIFICATION_FAILED >> 4 and step.key == TRANSPORT:
            raise PlanError(f"the transport key is refused, {answer.sw & 0x0F} tries are left")
        if not answer.ok:
            raise PlanError(f"{step.name}: {answer.sw:04X}, {describe_status_word(answer.sw)}")
        if step.answer is not None and answer.data != step.answer:
            raise PlanError(f"{step.name}: another answer than the key gives")

    def _send(self, step: PlanStep) -> Answer:
        challenge = b""
        length = step.proof.challenge_length
        if length:
            answer = self._client.send(GET_CHALLENGE, le=length)
            if not answer.ok or len(answer.data) != length:
                raise PlanError(f"{step.name}: no challenge")
            challenge = answer.data
        if step.ne is not None and step.data:
            step = _without_le(step)  # T=0 cannot carry it; the client fetches the answer
        return self._client.exchange(self._plan.command(step, challenge))

    def clear(self) -> None:
        """Empty a card that was begun.

        Its master key is one of two, by whether the ATR file is there: the first try may cost
        one of three, which the right one gives back.
        """
        begun = self._client.send(SELECT, 0x02, data=ATR_FID.to_bytes(2)).ok
        self._authenticate((TEMPORARY, MF_MASTER_KEY) if begun else (TEMPORARY, ZERO))
        answer = self._client.exchange(CLEAR_DF.header())
        if not answer.ok:
            raise PlanError(f"CLEAR DF: {answer.sw:04X}, {describe_status_word(answer.sw)}")
        self._connection.reset()

    def _authenticate(self, names: Sequence[str]) -> None:
        for name in names:
            step = PlanStep(
                Phase.STRUCTURE,
                "",
                EXTERNAL_AUTHENTICATE.header(),
                proof=ChallengeUse.DIRECT,
                key=name,
            )
            answer = self._send(step)
            if answer.ok:
                return
            if answer.sw == StatusWord.AUTHENTICATION_BLOCKED:
                break
        raise PlanError(f"the card was begun with other keys: {answer.sw:04X}")


def _without_le(step: PlanStep) -> PlanStep:
    return PlanStep(
        step.phase, step.name, step.header, step.data, step.proof, step.key, step.secret
    )
