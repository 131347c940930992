# SPDX-License-Identifier: Apache-2.0
"""The other side of the reader: what terminals do with a card."""

__all__ = [
    "addresses",
    "bank",
    "client",
    "codes",
    "connection",
    "doctor",
    "driver",
    "hsm",
    "medical",
    "pcsc",
    "pos",
    "psam_client",
    "recording",
    "script",
    "shell",
]
