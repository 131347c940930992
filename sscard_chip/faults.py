# SPDX-License-Identifier: Apache-2.0
"""How an unexpected exception is named in a log that must not hold card data."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb


def describe_fault(fault: BaseException) -> str:
    """Return type and place of an exception, such as ``KeyError at records.py:87``.

    The message is left out: it may quote what the command carried.
    """
    name = type(fault).__name__
    frames = extract_tb(fault.__traceback__)
    if not frames:
        return name
    return f"{name} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
