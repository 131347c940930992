# SPDX-License-Identifier: Apache-2.0
"""A process of its own that unpacks Parquet: ``python -m …columnar.unpacking SOCKET BYTES``.

Some kilobytes of Parquet can unpack to terabytes, and say so nowhere. So they are unpacked where
a limit of the operating system holds, and whoever asked takes no more than it wants.

A question is one byte, ``E`` for header and trailer, ``T`` for the rows as text, with the
descriptor of the file beside it. The answer is pieces, each with its length in 4 bytes before it;
length 0 ends it, ``FAILED`` says that this is no day file.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.dayfile.rows import COLUMNS, NULL

ENDS: Final = b"E"
TEXT: Final = b"T"
FAILED: Final = 1 << 31

_BATCH: Final = 16_384
_BUFFER: Final = 1 << 16
_CPU_SECONDS: Final = 60
"""For one file."""


def answer(question: bytes, descriptor: int) -> Iterator[bytes]:
    """The pieces of the answer."""
    import pyarrow as arrow
    from pyarrow import compute, parquet

    with (
        os.fdopen(descriptor, "rb", buffering=0) as content,
        arrow.PythonFile(content, "r") as source,
        parquet.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False) as file,
    ):
        if question == ENDS:
            metadata = file.schema_arrow.metadata or {}
            yield metadata[b"sscard.header"]
            yield metadata[b"sscard.trailer"]
            return
        names = [column.name for column in COLUMNS]
        for batch in file.iter_batches(_BATCH, columns=names, use_threads=False):
            yield _lines(arrow, compute, batch, names)


def _lines(arrow: Any, compute: Any, batch: Any, names: list[str]) -> bytes:
    cells = [
        compute.fill_null(compute.cast(batch.column(name), arrow.string()), NULL) for name in names
    ]
    letter = arrow.scalar("D")
    rows = compute.binary_join_element_wise(letter, *cells, "\t")
    rows = compute.binary_join_element_wise(rows, "", "\n")
    ends, text = (memoryview(buffer or b"") for buffer in rows.buffers()[1:])
    return bytes(text[: ends.cast("i")[len(rows)]])


def serve(channel: socket.socket) -> None:
    """Answer until nobody asks any more."""
    while True:
        question, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not question:
            return
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + _CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))
        try:
            for piece in answer(question, descriptors[0]):
                channel.sendall(len(piece).to_bytes(4, "big") + piece if piece else b"")
            channel.sendall(bytes(4))
        except BrokenPipeError:
            return
        except MemoryError:
            raise
        except Exception:  # whatever a hostile file makes of its reader
            channel.sendall(FAILED.to_bytes(4, "big"))


def _limit_memory(room: int) -> None:
    """From now on ``room`` bytes more than are used already. Only Linux says how many these are
    and keeps the limit."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))


def main() -> None:
    """Import what is needed, then limit the memory, then answer."""
    from pyarrow import compute, parquet  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(int(sys.argv[2]))
    serve(channel)


if __name__ == "__main__":
    main()
