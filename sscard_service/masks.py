# SPDX-License-Identifier: Apache-2.0
"""How identity, name, telephone and card numbers are shown; nowhere else is anything masked."""

from __future__ import annotations


def mask_identity(number: str) -> str:
    """First six and last four.

    >>> mask_identity("990000199001010017")
    '990000********0017'
    """
    if len(number) <= 10:
        return "*" * len(number)
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}"


def mask_name(name: str) -> str:
    """The last character; of two the second.

    >>> mask_name("林知夏"), mask_name("林安"), mask_name("林")
    ('**夏', '*安', '*')
    """
    return "*" * (len(name) - 1) + name[-1] if len(name) > 1 else "*" * len(name)


def mask_phone(number: str) -> str:
    """First three and last four.

    >>> mask_phone("19900001234")
    '199****1234'
    """
    return f"{number[:3]}****{number[-4:]}" if len(number) == 11 else "*" * len(number)


def mask_card(number: str) -> str:
    """The last four.

    >>> mask_card("Z00000013")
    '*****0013'
    """
    return f"{'*' * max(0, len(number) - 4)}{number[-4:]}"
