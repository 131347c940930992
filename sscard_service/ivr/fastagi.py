# SPDX-License-Identifier: Apache-2.0
"""FastAGI: Asterisk opens a connection for each call and does what it is told.

It sends lines ``agi_NAME: value`` and an empty one; then each command is a line, and each answer
``200 result=VALUE``, with ``(timeout)`` behind keys that ended by silence. ``HANGUP`` on a line of
its own, a result of -1, ``511`` or the end of the connection say that the caller is gone. The
protocol has no log-in, so it is served to this machine alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from sscard_chip.faults import describe_fault
from sscard_chip.standard.dates import DAY
from sscard_chip.standard.errors import SettlementError, SscardError
from sscard_service.centre import ServiceCentre
from sscard_service.ivr.call import IvrCall
from sscard_service.ivr.flow import IvrFlow
from sscard_service.ivr.line import HungUpError, Language, Spoken

PORT: Final = 4573
MOST_CALLS: Final = 200
"""Calls at the same time; more are told to try later."""
_MOST_LINE: Final = 4096
_MOST_VARIABLES: Final = 200
_BEGIN_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 400
_CALL_SECONDS: Final = 1800
_END_SECONDS: Final = 5
_RESULT: Final = re.compile(r"200 result=([0-9*#-]*)(?: (\(timeout\)))?.*")
_CALLER: Final = re.compile(r"\+?[0-9]{3,20}")
_KEYS: Final = "0123456789*#"
_LANGUAGES: Final[dict[Language, str]] = {"chinese": "zh", "english": "en"}
_log: Final = logging.getLogger(__name__)


class AgiError(SettlementError):
    """A peer that does not speak the protocol."""


class AgiLine:
    """A call of Asterisk. Prompts are sound files ``SOUNDS/zh/ID``, without their ending."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sounds: str = "sscard"
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._sounds = sounds
        self._language: Language = "chinese"

    async def begin(self) -> dict[str, str]:
        """Read what Asterisk says of the call, and answer it.

        :raises AgiError: that is not FastAGI.
        :raises HungUpError: nobody is there.
        """
        found: dict[str, str] = {}
        async with asyncio.timeout(_BEGIN_SECONDS):
            while line := await self._line():
                name, colon, value = line.partition(":")
                if not colon or not name.startswith("agi_") or len(found) >= _MOST_VARIABLES:
                    raise AgiError("does not begin as FastAGI does")
                found[name] = value.strip()
        if "agi_request" not in found:
            raise AgiError("does not begin as FastAGI does")
        await self._command("ANSWER")
        return found

    async def speak(self, language: Language) -> None:
        """The language of prompts, numbers and dates."""
        self._language = language
        await self._command(f"SET VARIABLE CHANNEL(language) {_LANGUAGES[language]}")

    async def say(self, pieces: Sequence[Spoken]) -> None:
        """Play each piece to its end."""
        for piece in pieces:
            if piece.kind == "prompt":
                await self._command(f'STREAM FILE {self._file(piece.value)} ""')
            elif piece.kind == "number":
                await self._command(f'SAY NUMBER {int(piece.value)} ""')
            else:
                noon = datetime.strptime(piece.value, DAY).replace(hour=12, tzinfo=UTC)
                await self._command(f'SAY DATE {int(noon.timestamp())} ""')

    async def ask(self, prompts: Sequence[str], most: int, seconds: int) -> str | None:
        """Play prompts, each cut short by a key, and collect keys."""
        *first, last = prompts
        key = ""
        for one in first:
            result, _ = await self._command(f'STREAM FILE {self._file(one)} "{_KEYS}"')
            if result not in ("", "0"):
                key = chr(int(result)) if result.isdecimal() and len(result) <= 3 else ""
                break
        if key == "#":
            return ""
        if key and most == 1:
            return key
        file = "silence/1" if key else self._file(last)
        keys, timed_out = await self._command(f"GET DATA {file} {seconds * 1000} {most - len(key)}")
        keys = (key + keys)[:most]
        return None if timed_out and not keys else keys

    async def transfer(self) -> None:
        """Back to the dial plan, which finds SSCARD_RESULT=agent."""
        await self._command("SET VARIABLE SSCARD_RESULT agent")

    async def hang_up(self) -> None:
        """End the call."""
        await self._command("SET VARIABLE SSCARD_RESULT ended")
        await self._command("HANGUP")

    def _file(self, prompt: str) -> str:
        return f"{self._sounds}/{_LANGUAGES[self._language]}/{prompt}"

    async def _command(self, text: str) -> tuple[str, bool]:
        """The result of a command, and whether it ended by silence."""
        self._writer.write(f"{text}\n".encode("ascii"))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._writer.drain()
                line = await self._line()
        except ConnectionError:
            raise HungUpError("the caller has hung up") from None
        except TimeoutError:
            raise AgiError("does not answer a command") from None
        if line == "HANGUP" or line.startswith("511"):
            raise HungUpError("the caller has hung up")
        found = _RESULT.fullmatch(line)
        if found is None:
            raise AgiError("answers a command with an error")
        if found[1] == "-1":
            raise HungUpError("the caller has hung up")
        return found[1], found[2] is not None

    async def _line(self) -> str:
        try:
            content = await self._reader.readline()
        except ValueError:  # longer than the limit
            raise AgiError("sends a line that is too long") from None
        if not content.endswith(b"\n"):
            raise HungUpError("the caller has hung up")
        return content.decode("utf-8", "replace").rstrip("\r\n")


class IvrServer:
    """Serves the flow to Asterisk on this machine."""

    def __init__(
        self,
        flow: IvrFlow,
        centre: ServiceCentre,
        *,
        sounds: str = "sscard",
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._flow = flow
        self._centre = centre
        self._sounds = sounds
        self._most = most_calls
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(
        self, host: str, port: int, stop: asyncio.Event, ready: Callable[[str, int], None]
    ) -> None:
        """Take calls until ``stop``; calls that are under way have five seconds to end.

        :raises AgiError: the address is not one of this machine alone.
        :raises OSError: it cannot listen there.
        """
        if not is_loopback(host):
            raise AgiError(f"{host}: FastAGI has no log-in: listen at 127.0.0.1 or ::1")
        server = await asyncio.start_server(self._accept, host, port, limit=_MOST_LINE)
        async with server:
            ready(*server.sockets[0].getsockname()[:2])
            await stop.wait()
            server.close()
            if self._calls:
                _, late = await asyncio.wait(self._calls, timeout=_END_SECONDS)
                for one in late:
                    one.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        full = len(self._calls) >= self._most
        if task is not None:
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        try:
            if full:
                writer.write(b"SET VARIABLE SSCARD_RESULT busy\n")
            else:
                async with asyncio.timeout(_CALL_SECONDS):
                    await self._call(AgiLine(reader, writer, self._sounds))
        except HungUpError:
            pass
        except (SscardError, OSError, TimeoutError) as error:
            _log.warning("hotline: a call has ended: %s", error or "it took too long")
        except Exception as fault:  # its text may quote what it choked on
            _log.error("hotline: a call has ended: %s", describe_fault(fault))
        finally:
            writer.close()

    async def _call(self, line: AgiLine) -> None:
        said = await line.begin()
        number = said.get("agi_callerid", "")
        caller = number if _CALLER.fullmatch(number) else ""
        await IvrCall(self._flow, self._centre, line, caller=caller).play()


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
