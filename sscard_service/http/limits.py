# SPDX-License-Identifier: Apache-2.0
"""A token bucket a source: who asks too often waits, and the others do not. What a source is."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Final

_SOURCES: Final = 100_000
"""Sources that are remembered; the one that was longest silent is forgotten."""
_HOUSE: Final = 64
"""Bits of an IPv6 address that a connection is given; the rest it changes as it likes."""


@lru_cache(maxsize=4096)
def source_of(host: str) -> str:
    """By what requests of an address are counted: an IPv6 address by its network of 64 bits, one
    that has an IPv4 address in it by that.

    >>> source_of("2001:db8:1:2:3:4:5:6"), source_of("::ffff:192.0.2.7"), source_of("192.0.2.7")
    ('2001:db8:1:2::', '192.0.2.7', '192.0.2.7')
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _HOUSE), strict=False).network_address)


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
