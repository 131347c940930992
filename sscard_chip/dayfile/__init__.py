# SPDX-License-Identifier: Apache-2.0
"""What till and centre say to each other: day file, hotlist, list of pharmacies; text and Parquet.

The day file of gates of transport is :mod:`.transit`. :mod:`.authoriser` is the protocol of on-line
authorisation, :mod:`.centre` its messages of the national interface, :mod:`.envelope` and
:mod:`.msgid` what these are made of.
"""

__all__ = [
    "authoriser",
    "business_string",
    "centre",
    "envelope",
    "errors",
    "hotlist",
    "msgid",
    "parquet",
    "pharmacies",
    "rows",
    "text",
    "transit",
]
