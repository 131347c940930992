# SPDX-License-Identifier: Apache-2.0
"""Row 6 again: TACs of the DES suite in lanes against a loop in C over libcrypto.

The loop is compiled when it is measured; it calls the functions for DES alone, which do not
build objects as EVP does, and is the fastest that libcrypto allows.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.bulk import DES_ROWS, PAIRS, Debits, compare, in_lanes
from benchmarks.rows import Row, UnavailableError

ROWS: Final = 32_768
GOAL: Final = 2.0

# Declared by hand: the library's headers may be missing.
_SOURCE: Final = """
#include <string.h>

typedef unsigned char block[8];
typedef struct { unsigned int words[32]; } schedule;

void DES_set_key_unchecked(const block *, schedule *);
unsigned int DES_cbc_cksum(const unsigned char *, block *, long, schedule *, const block *);

void tacs(const unsigned char *keys, const unsigned char *messages, long count, unsigned char *out)
{
    static const block zero;
    unsigned char padded[32] = {0};
    padded[30] = 0x80;
    for (long at = 0; at < count; at++, keys += 16, messages += 30, out += 4) {
        schedule expanded;
        block key, last;
        for (int n = 0; n < 8; n++)
            key[n] = keys[n] ^ keys[n + 8];
        DES_set_key_unchecked(&key, &expanded);
        memcpy(padded, messages, 30);
        DES_cbc_cksum(padded, &last, 32, &expanded, &zero);
        memcpy(out, last, 4);
    }
}
"""


def build(folder: Path) -> Callable[[Debits], bytes]:
    """The TACs of debits by the loop. Raises UnavailableError without compiler or library."""
    name = ctypes.util.find_library("crypto")
    if name is None:
        raise UnavailableError("libcrypto is not installed (apt-get install libssl3)")
    source, library = folder / "tacs.c", folder / "tacs.so"
    source.write_text(_SOURCE, encoding="ascii")
    command = ["gcc", "-O3", "-shared", "-fPIC", "-o", str(library), str(source), f"-l:{name}"]
    try:
        subprocess.run(command, check=True, capture_output=True)
        function = ctypes.CDLL(str(library)).tacs
    except FileNotFoundError:
        raise UnavailableError("there is no C compiler (apt-get install gcc)") from None
    except (subprocess.CalledProcessError, OSError, AttributeError):
        raise UnavailableError(f"a C program with the DES functions of {name}") from None
    function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_long, ctypes.c_char_p]
    function.restype = None

    def tacs(debits: Debits) -> bytes:
        keys, messages = debits.keys[debits.which].tobytes(), debits.messages.tobytes()
        out = ctypes.create_string_buffer(4 * len(debits.which))
        function(keys, messages, len(debits.which), out)
        return out.raw

    return tacs


def rows() -> list[Row]:
    """Measure and return the row. Raises UnavailableError."""
    with tempfile.TemporaryDirectory(prefix="sscard-bench-") as name:
        tacs = build(Path(name))
        many, few = Debits.make(DES_ROWS, DES_ROWS), Debits.make(ROWS, ROWS)
        lanes = in_lanes("3des", many)
        if tacs(few) != in_lanes("3des", few)().tobytes():
            raise RuntimeError("the loop in C gives other TACs")
        times = compare(lambda: tacs(few), lanes, PAIRS)
    each = times.first / ROWS, times.second / DES_ROWS
    return [
        Row(
            6,
            f"TAC, loop in C over libcrypto / bulk, 3DES, {DES_ROWS:,} debits",
            times.ratio * DES_ROWS / ROWS,
            GOAL,
            ">=",
            f"{each[0] / 1000:.3f} / {each[1] / 1000:.3f} µs",
        )
    ]
