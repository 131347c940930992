# SPDX-License-Identifier: Apache-2.0
"""Cutting many lanes into chunks that suit the cache."""

from __future__ import annotations


def even_size(count: int, chunk: int) -> int:
    """Size of the pieces when ``count`` is cut evenly: none is small, and so none is slow.

    From two thirds to one and a half of ``chunk``, or ``count`` if that is less.
    """
    return -(-count // max(1, round(count / chunk)))


def largest(chunk: int) -> int:
    """The largest size that :func:`even_size` gives."""
    return chunk + chunk // 2
