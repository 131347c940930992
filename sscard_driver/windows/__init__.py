# SPDX-License-Identifier: Apache-2.0
"""The libraries for Windows programs: thin DLLs that pass each call to the driver server."""

__all__ = [
    "build",
    "files",
]
