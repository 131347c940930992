# SPDX-License-Identifier: Apache-2.0
"""Lists of holders (持卡人名单): tables, what their columns mean, what is wrong with a row."""

__all__ = [
    "errors",
    "mapping",
    "rows",
    "tables",
]
