# SPDX-License-Identifier: Apache-2.0
"""The driver of a terminal as a shared library, ``libSSCardDriver.so``, for programs in C.

``python -m sscard_driver.build`` makes it (docs/native.md).
"""

__all__ = [
    "build",
]
