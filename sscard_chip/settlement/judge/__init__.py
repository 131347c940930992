# SPDX-License-Identifier: Apache-2.0
"""Judging rows of day files: a small function for each finding, over columns."""

__all__ = [
    "codes",
    "localities",
    "rules",
]
