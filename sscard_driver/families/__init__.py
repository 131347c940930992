# SPDX-License-Identifier: Apache-2.0
"""What the libraries beside SSCardDriver do, each family in a file."""

__all__ = [
    "credential",
    "identity",
    "medical",
    "readers",
]
