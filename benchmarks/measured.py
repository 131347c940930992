# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks.measured PROGRAM…``: run a program and say what it takes, as JSON.

Worker processes that outlive their parent for a moment are waited for too (Linux), so the seconds
of the processor are those of all its processes; the memory is that of the largest.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


def main() -> int:
    """Run, wait for all, print."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    begun = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    status = process.wait()
    clock = time.perf_counter() - begun
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = {
        "processor": used.ru_utime + used.ru_stime,
        "clock": clock,
        "memory_mib": used.ru_maxrss / 1024,
    }
    print(json.dumps(taken))
    return status


if __name__ == "__main__":
    sys.exit(main())
