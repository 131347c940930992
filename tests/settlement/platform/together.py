# SPDX-License-Identifier: Apache-2.0
"""Messages that are all under way before the first of them is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sscard_chip.settlement.platform import Platform


def together(platform: Platform, asked: Sequence[dict[str, Any]]) -> list[Any]:
    """The answer, or the exception, of each. The first is a group by itself, the rest the next."""
    free = threading.Event()
    right = platform.groups._commit

    def slow(group: Any) -> Any:
        assert free.wait(120)
        return right(group)

    platform.groups._commit = slow
    with ThreadPoolExecutor(len(asked)) as threads:
        waiting = []
        for one in asked:
            begun = platform.groups.begun
            waiting.append(threads.submit(platform.handle, one))
            while platform.groups.begun == begun and not waiting[-1].done():
                time.sleep(0)  # it comes to wait behind the first, or is refused before
        free.set()
        told = [one.exception(120) or one.result() for one in waiting]
    platform.groups._commit = right
    return told
