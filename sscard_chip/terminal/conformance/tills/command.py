# SPDX-License-Identifier: Apache-2.0
"""A terminal that is a program: in two PC/SC readers of its own it finds card and PSAM, and it is
told what to sell in lines of JSON.

>>> with CommandTerminal(["./mytill", "--test"]) as mine:
...     run = run_terminal_suite(mine, IssuedWorkshop(roots))
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from sscard_chip.closing import Closing
from sscard_chip.dayfile.authoriser import CentreRefusedError, CentreUnreachableError
from sscard_chip.reader.pcscd import PcscUnavailableError, PrivateDaemon
from sscard_chip.reader.vpcd import VirtualReader
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.conformance.tills.program import ProgramError, ProgramInLines
from sscard_chip.terminal.conformance.tills.watching import MOST_SAID, WatchedSlot
from sscard_chip.terminal.conformance.tills.workplace import (
    CAP_FEN,
    CAP_TIMES,
    Outcome,
    SaleAnswer,
    SaleOrder,
    Workplace,
)
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_Read = TypeVar("_Read")
SALE_SECONDS: Final = 60
"""How long one sale may take."""
_SEEN_S: Final = 30.0
"""How long pcscd may take to see a card: it looks every 0.4 s."""
_POWER_OFF_S: Final = 1.0
"""pcscd tells the reader to cut the power without waiting until it is cut."""
_PAUSE_S: Final = 0.01
_TAC: Final = re.compile("[0-9A-Fa-f]{8}")
_OUTCOMES: Final[dict[str, Outcome]] = {"paid": "paid", "refused": "refused", "open": "open"}


class CommandTerminal(Closing):
    """Gives terminals that are a program, started anew for each: a
    :data:`~.workplace.TerminalMaker`.

    Each has a pcscd of its own. What is still there when the block ends is ended: program, readers
    and pcscd.

    :param arguments: the program and its arguments.
    :param seconds: how long one sale may take, and the end of a day.
    """

    def __init__(self, arguments: Sequence[str], *, seconds: float = SALE_SECONDS) -> None:
        self._arguments = tuple(arguments)
        self._seconds = seconds
        self._latest: ProgramTerminal | None = None

    def __call__(self, place: Workplace) -> ProgramTerminal:
        """A terminal at a workplace of the suite.

        :raises PcscUnavailableError: pcscd or vpcd is missing or does not start.
        :raises ProgramError: the program cannot be started.
        """
        self.close()
        self._latest = ProgramTerminal(self._arguments, place, self._seconds)
        return self._latest

    def close(self) -> None:
        """End the latest terminal."""
        if self._latest is not None:
            self._latest.close()
            self._latest = None


class ProgramTerminal(Closing):
    """A program that sells at one workplace (:class:`~.workplace.JudgedTerminal`).

    What it does wrong ends it and raises :class:`ProgramError`; for the next sale it is started
    again, as after a crash.
    """

    def __init__(self, arguments: Sequence[str], place: Workplace, seconds: float) -> None:
        slots = place.card, place.psam
        self._slots = tuple(slot for slot in slots if isinstance(slot, WatchedSlot))
        if len(self._slots) != len(slots):
            raise TypeError("a program is judged at a workplace of the suite alone")
        self._arguments = arguments
        self._place = place
        self._seconds = seconds
        self._program: ProgramInLines | None = None
        self._stack = ExitStack()
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def _set_up(self) -> None:
        place = self._place
        folder = self._stack.enter_context(TemporaryDirectory(prefix="sscard-till-"))
        hotlist = Path(folder) / "hotlist.tsv"
        place.hotlist.save(hotlist)
        daemon = self._stack.enter_context(PrivateDaemon(len(self._slots)))
        reader = VirtualReader(self._slots, daemon.host, daemon.port)
        self._stack.enter_context(reader)
        for number, slot in enumerate(self._slots):
            slot.served_by(reader, number)
            self._stack.callback(slot.served_by, None)
        self._environment = {
            **daemon.environment,
            "SSCARD_CARD_READER": daemon.reader_names[0],
            "SSCARD_PSAM_READER": daemon.reader_names[1],
            "SSCARD_HOTLIST": str(hotlist),
            "SSCARD_FOLDER": str(place.folder.resolve()),
            "SSCARD_MODE": f"{place.mode:d}",
            "SSCARD_CAP_FEN": f"{CAP_FEN}",
            "SSCARD_CAP_TIMES": f"{CAP_TIMES}",
        }
        self._start()

    def _start(self) -> ProgramInLines:
        """The program; one that has ended is started again."""
        if self._program is None or not self._program.running:
            self._end()
            self._program = ProgramInLines(self._arguments, self._environment)
        return self._program

    def _end(self) -> None:
        if self._program is not None:
            self._program.kill()
            self._program = None

    def close(self) -> None:
        """End program, readers and pcscd."""
        program, self._program = self._program, None
        try:
            if program is not None:
                program.close()
        finally:
            self._stack.close()

    # --- what it is asked ------------------------------------------------------------------------

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """See :class:`~.workplace.JudgedTerminal`.

        :raises ProgramError: what the program did instead of an answer.
        """
        wanted = {
            "account_fen": order.account_fen,
            "self_paid_fen": order.self_paid_fen,
            "pooled_fen": order.pooled_fen,
            "time": order.time,
            "mode": int(order.mode),
            "online": order.online,
        }
        answer = self._ask({"sell": wanted}, "outcome", _sale_answer)
        self._wait_for_power_off()
        return answer

    def end_day(self) -> None:
        """See :class:`~.workplace.JudgedTerminal`.

        :raises NotApplicableError: the program has no end of the day.
        :raises ProgramError: as above.
        """
        if not self._ask({"end_day": True}, "day_ended", _day_ended):
            raise NotApplicableError("the terminal has no end of the day")

    def _ask(
        self, message: dict[str, Any], end: str, read: Callable[[dict[str, Any]], _Read]
    ) -> _Read:
        """Tell the program something, answer what it asks, and read the line that ends it."""
        self._wait_until_seen()
        program = self._start()
        until = time.monotonic() + self._seconds
        try:
            program.write(message, until)
            for _ in range(MOST_SAID + 1):
                heard = program.read(until)
                if end in heard:
                    return read(heard)
                program.write(self._reply(heard), until)
            raise ProgramError(f"the program asked more than {MOST_SAID} questions")
        except BaseException:
            self._end()
            raise

    def _reply(self, heard: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question of the program.

        :raises ProgramError: it is none.
        """
        match heard:
            case {"ask_pin": tries} if len(heard) == 1 and _is_number(tries, 15):
                return {"pin": self._place.ask_pin(tries)}
            case {"hold": [_, _, _] as parts} if len(heard) == 1 and all(
                _is_number(part, MAX_FEN) for part in parts
            ):
                return self._hold(Split(*parts))
            case {"settle": str(tac)} if len(heard) == 1 and _TAC.fullmatch(tac):
                return self._settle(bytes.fromhex(tac))
        for name in ("ask_pin", "hold", "settle"):
            if name in heard:
                raise _not_understood(name)
        raise ProgramError("the program wrote a line that has no meaning here")

    def _hold(self, bill: Split) -> dict[str, Any]:
        centre = self._place.centre
        if centre is None:
            raise ProgramError("the program asked the centre in a region of mode 3")
        try:
            return {"shares": list(centre.hold(bill))}
        except CentreUnreachableError:
            return {"unreachable": True}
        except CentreRefusedError as error:
            return {"refused": str(error)}

    def _settle(self, tac: bytes) -> dict[str, Any]:
        centre = self._place.centre
        if centre is None:
            raise ProgramError("the program asked the centre in a region of mode 3")
        try:
            use = centre.settle(tac)
        except CentreUnreachableError:
            return {"unreachable": True}
        except CentreRefusedError as error:
            return {"refused": str(error)}
        if use is None:
            return {"use": None}
        return {
            "use": {"allowed": use.allowed, "amount_fen": use.amount_fen, "times": use.times},
        }

    # --- what pcscd sees -------------------------------------------------------------------------

    def _wait_until_seen(self) -> None:
        """Wait until pcscd tells programs of the cards that are in the readers.

        :raises PcscUnavailableError: it does not see one.
        """
        until = time.monotonic() + _SEEN_S
        while any(slot.present and not slot.seen for slot in self._slots):
            if time.monotonic() > until:
                raise PcscUnavailableError("pcscd does not see the card in the virtual reader")
            time.sleep(_PAUSE_S)

    def _wait_for_power_off(self) -> None:
        """Let a command of pcscd that cuts the power arrive."""
        until = time.monotonic() + _POWER_OFF_S
        while self._slots[0].powered and time.monotonic() < until:
            time.sleep(_PAUSE_S)


def _sale_answer(heard: dict[str, Any]) -> SaleAnswer:
    """The line that ends a sale.

    :raises ProgramError: it has not the form of one.
    """
    known = {"outcome": None, "tac": "", "suspect": False}
    outcome, tac, suspect = (heard.get(name, default) for name, default in known.items())
    good = (
        heard.keys() <= known.keys()
        and isinstance(outcome, str)
        and outcome in _OUTCOMES
        and isinstance(suspect, bool)
        and isinstance(tac, str)
        and (tac == "" or _TAC.fullmatch(tac))
    )
    if not good:
        raise _not_understood("outcome")
    return SaleAnswer(_OUTCOMES[str(outcome)], bytes.fromhex(str(tac)), suspect=bool(suspect))


def _day_ended(heard: dict[str, Any]) -> bool:
    """The line that ends a day: whether the program knows such a thing.

    :raises ProgramError: it has not the form of one.
    """
    ended = heard["day_ended"]
    if len(heard) != 1 or not isinstance(ended, bool):
        raise _not_understood("day_ended")
    return ended


def _not_understood(name: str) -> ProgramError:
    return ProgramError(f"the program wrote a line {name!r} that has not its form")


def _is_number(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
