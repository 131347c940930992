# SPDX-License-Identifier: Apache-2.0
"""A token bucket a source: who asks too often waits, and the others do not."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

_SOURCES: Final = 100_000
"""Sources that are remembered; the one that was longest silent is forgotten."""


class RateLimit:
    """``per_minute`` requests of a source, and a quarter of that at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, per_minute / 4)
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, source: str) -> int:
        """Seconds after which a source may ask; 0 when it may now, which is counted."""
        now = self._clock()
        with self._lock:
            tokens, since = self._buckets.pop(source, (self._most, now))
            tokens = min(self._most, tokens + (now - since) * self._rate)
            allowed = tokens >= 1
            self._buckets[source] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > _SOURCES:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, round((1 - tokens) / self._rate))
