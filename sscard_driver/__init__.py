# SPDX-License-Identifier: Apache-2.0
"""The libraries that hospital and pharmacy programs load, for programs that are not Python.

``python -m sscard_driver.build`` makes them (docs/native.md): ``libSSCardDriver.so``, the driver
of a terminal, and beside it those of the medical insurance (:mod:`.families`).
"""

__all__ = [
    "browser",
    "build",
    "families",
    "server",
    "windows",
]
