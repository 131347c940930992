# SPDX-License-Identifier: Apache-2.0
"""Calls from C: bytes become text, a function of a library works, its texts become bytes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

from sscard_chip.faults import describe_fault
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.text import REPLACEMENT, decode_text, encode_text
from sscard_chip.terminal.codes import ReturnCode
from sscard_driver.configuration import CODECS, Configuration
from sscard_driver.libraries import DRIVER, LIBRARIES
from sscard_driver.program import CallingProgram
from sscard_driver.terminal import SharedTerminal

_LOG: Final = logging.getLogger(__name__)

INPUT_LIMIT: Final = 64 * 1024
"""Bytes that are read of a parameter; longer strings are -42."""

_GB18030: Final = CODECS["gbk"]
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DEFAULT: Final = Configuration().encoding


def encode_answer(code: int, text: str, codec: str, size: int) -> tuple[int, bytes]:
    """Code and bytes for a buffer of ``size`` bytes, NUL included; -42 when they do not fit."""
    if codec == _GB18030:
        data = encode_text(text)
    else:
        data = _SURROGATE.sub(REPLACEMENT, text).encode(codec, "replace")
    if b"\0" in data:
        data = data[: data.index(b"\0")]
    if len(data) < size:
        return code, data + b"\0"
    return int(ReturnCode.LENGTH), b"the answer is longer than pOutInfo"[: size - 1] + b"\0"


class DriverLibrary:
    """The calls of one program, one after the other.

    Nothing is opened before the first call; when opening fails the call returns -12 and says in
    its first buffer why, and the next one tries again. ``terminal`` is one that several programs
    share; else it is of the configuration in ``environment``, that of the process by default.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        terminal: SharedTerminal | None = None,
    ) -> None:
        self._program = CallingProgram(terminal or SharedTerminal(environment))

    def call(self, name: str, arguments: Sequence[int | bytes], size: int) -> tuple[int, bytes]:
        """A function of LD/T 33: return code, and what to put into a pOutInfo of ``size`` bytes."""
        code, (data,) = self.answer(DRIVER, name, arguments, [size])
        return code, data

    def answer(
        self, library: str, name: str, arguments: Sequence[int | bytes], sizes: Sequence[int]
    ) -> tuple[int, list[bytes]]:
        """Return code and what to put into buffers of these sizes, NUL included.

        Never raises, but for what ends the interpreter.
        """
        encoding = _DEFAULT
        try:
            options = self._program.terminal.options()
            encoding = options.encoding
            self._program.terminal.log_to(options.log)
            values = [_text(value, encoding) for value in arguments]
            code, texts = LIBRARIES[library].functions[name](self._program, *values)
        except _ParameterError as error:
            code, texts = error.code, (error.text,)
        except (SscardError, OSError) as error:  # of opening; functions answer themselves
            code, texts = int(ReturnCode.NOT_CONNECTED), (" ".join(str(error).split()),)
        except Exception as error:
            _LOG.error("%s: %s", name, describe_fault(error))
            code, texts = int(ReturnCode.LIBRARY), ("internal error",)
        data = []
        for text, size in zip((*texts, *("",) * len(sizes)), sizes, strict=False):
            found, content = encode_answer(code, text, CODECS[encoding], size)
            code = found if code == int(ReturnCode.OK) else code
            data.append(content)
        return code, data

    def end(self) -> None:
        """The program has gone: what it began is over, the terminal stays open for others."""
        self._program.terminal.let_go(self._program)

    def close(self) -> None:
        """Let go of cards and readers. The next call opens them again."""
        self.end()
        self._program.terminal.close()


class _ParameterError(Exception):
    def __init__(self, code: ReturnCode, text: str) -> None:
        self.code, self.text = int(code), text


def _text(value: int | bytes, encoding: str) -> int | str:
    if isinstance(value, int):
        return value
    if len(value) >= INPUT_LIMIT:
        raise _ParameterError(ReturnCode.LENGTH, "a parameter is too long")
    codec = CODECS[encoding]
    try:
        return decode_text(value, "strict") if codec == _GB18030 else value.decode(codec)
    except UnicodeDecodeError:
        text = f"a parameter is not text in {encoding.upper()}"
        raise _ParameterError(ReturnCode.ILLEGAL_CHARACTER, text) from None
