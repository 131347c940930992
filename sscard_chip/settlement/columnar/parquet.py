# SPDX-License-Identifier: Apache-2.0
"""Day files in the Parquet form, turned back into the text that their digest is over.

They are unpacked in a process of its own (:mod:`sscard_chip.settlement.columnar.unpacking`), one
for each thread that reads: a file that unpacks to more than it should ends that process, and is
refused, and nothing else.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import weakref
from threading import local
from typing import Final

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.settlement.columnar import unpacking

UNPACKING_BYTES: Final = 256 << 20
"""Memory that unpacking a file may take, whatever the file says."""

_MAGIC: Final = b"PAR1"
_SECONDS: Final = 120
"""How long the process may be silent."""


def is_parquet(content: bytes | bytearray) -> bool:
    """Whether bytes begin like Parquet."""
    return content.startswith(_MAGIC)


def parquet_ends(path: str, descriptor: int, most: int) -> tuple[bytes, bytes]:
    """Header row and trailer row of a day in Parquet, of ``most`` bytes together.

    :raises DayFileError:
    """
    pieces = _ask(path, descriptor, unpacking.ENDS, most)
    if len(pieces) != 2:
        raise DayFileError(f"{path}: is no day file in Parquet")
    return pieces[0], pieces[1]


def parquet_text(path: str, descriptor: int, ends: tuple[bytes, bytes], most: int) -> bytes:
    """The text form of a day in Parquet, of ``most`` bytes; ``ends`` are header and trailer.

    :raises DayFileError:
    """
    return b"".join((ends[0], *_ask(path, descriptor, unpacking.TEXT, most), ends[1]))


class _Unpacker:
    """A process that unpacks; it ends with whoever holds this."""

    def __init__(self) -> None:
        self._channel, other = socket.socketpair()
        self._channel.settimeout(_SECONDS)
        paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        environment = os.environ | {
            "PYTHONPATH": paths,
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with other:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    unpacking.__name__,
                    str(other.fileno()),
                    str(UNPACKING_BYTES),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                env=environment,
            )
        self._end = weakref.finalize(self, _end, self._channel, process)

    def ask(self, question: bytes, descriptor: int, most: int) -> list[bytes] | None:
        """The pieces of an answer, of ``most`` bytes; None when the process says that this is no
        day file.

        :raises OSError: it has ended.
        :raises OverflowError: there are more bytes.
        """
        socket.send_fds(self._channel, [question], [descriptor])
        pieces: list[bytes] = []
        while length := int.from_bytes(self._receive(4), "big"):
            if length == unpacking.FAILED:
                return None
            most -= length
            if most < 0:
                raise OverflowError
            pieces.append(self._receive(length))
        return pieces

    def _receive(self, length: int) -> bytes:
        content = bytearray(length)
        room = memoryview(content)
        while room:
            count = self._channel.recv_into(room)
            if not count:
                raise ConnectionResetError
            room = room[count:]
        return bytes(content)

    def close(self) -> None:
        """End the process."""
        self._end()


_OWN: Final = local()


def _end(channel: socket.socket, process: subprocess.Popen[bytes]) -> None:
    channel.close()
    process.kill()
    process.wait()


def _ask(path: str, descriptor: int, question: bytes, most: int) -> list[bytes]:
    if not hasattr(_OWN, "unpacker"):
        _OWN.unpacker = _Unpacker()
    unpacker: _Unpacker = _OWN.unpacker
    try:
        pieces = unpacker.ask(question, descriptor, most)
    except (OSError, OverflowError) as error:
        del _OWN.unpacker
        unpacker.close()
        if isinstance(error, OverflowError):
            rule = f"unpacks to more than {most:,} bytes, the limit of a file"
        else:
            rule = f"takes more than {UNPACKING_BYTES:,} bytes of memory to unpack, or too long"
        raise DayFileError(f"{path}: {rule}") from None
    except BaseException:  # interrupted: the rest of the answer is still to come
        del _OWN.unpacker
        unpacker.close()
        raise
    if pieces is None:
        raise DayFileError(f"{path}: is no day file in Parquet")
    return pieces
