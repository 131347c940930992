# SPDX-License-Identifier: Apache-2.0
"""What till and centre say to each other: day file, hotlist, list of pharmacies; text and Parquet.

:mod:`.authoriser` is the protocol of on-line authorisation.
"""

__all__ = [
    "authoriser",
    "errors",
    "hotlist",
    "parquet",
    "pharmacies",
    "rows",
    "text",
]
