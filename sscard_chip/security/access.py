# SPDX-License-Identifier: Apache-2.0
"""Access rules as they lie in file headers, and the one function that decides access.

A rule is an access byte and two right bytes [M], coded as a card operating system of the field
does (personalisation page, section 2.2):

- access byte: b7 master key of the environment, b6 master key of the current directory, b5 MAC,
  b4 enciphered, b3 no append, b2 no update (of writing), b1 PIN *or* right (0: PIN *and*
  right), b0 PIN required;
- right bytes: the first tests the levels of the environment, the second those of the ADF, both
  must hold. XY with X = 0 is free, X <= Y any level X..Y, X > Y never.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sscard_chip.security.status import SecurityStatus

NEVER: Final = 0xF0

_ENVIRONMENT_MASTER: Final = 0x80
_DIRECTORY_MASTER: Final = 0x40
_MAC: Final = 0x20
_CIPHER: Final = 0x10
_NO_APPEND: Final = 0x08
_NO_UPDATE: Final = 0x04
_PIN_OR: Final = 0x02
_PIN: Final = 0x01


def _levels(right: int) -> int:
    """Bit mask of the levels that satisfy a right byte; 0 for never."""
    low, high = right >> 4, right & 0x0F
    return sum(1 << level for level in range(low, high + 1))


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A decoded rule. ``free`` is the answer to most questions and so worked out once."""

    pin: bool
    pin_or_right: bool
    global_right: int  # right byte as in the header
    local_right: int
    environment_master: bool
    directory_master: bool
    mac: bool
    enciphered: bool
    free: bool
    global_mask: int
    local_mask: int
    append: bool  # of a write rule: records may be added
    update: bool  # of a write rule: what is there may be changed

    @classmethod
    @lru_cache(maxsize=256)  # a card has a few dozen, and each power-on decodes them
    def decode(cls, access: int, right: int) -> AccessRule:
        """From the access byte and the 16-bit right of a file header."""
        global_right, local_right = right >> 8, right & 0xFF
        masters = access & (_ENVIRONMENT_MASTER | _DIRECTORY_MASTER)
        return cls(
            pin=bool(access & _PIN),
            pin_or_right=bool(access & _PIN_OR),
            global_right=global_right,
            local_right=local_right,
            environment_master=bool(access & _ENVIRONMENT_MASTER),
            directory_master=bool(access & _DIRECTORY_MASTER),
            mac=bool(access & _MAC),
            enciphered=bool(access & _CIPHER),
            free=not (access & _PIN or masters or global_right >> 4 or local_right >> 4),
            global_mask=_levels(global_right),
            local_mask=_levels(local_right),
            append=not access & _NO_APPEND,
            update=not access & _NO_UPDATE,
        )


def encode_rule(*, pin: bool, kid: int | None, both: bool, never: bool) -> tuple[int, int]:
    """Access byte and right of a rule of LD/T 32.6: free, never, PIN, key, PIN or/and key."""
    if never:
        return 0, NEVER << 8 | NEVER
    access = _PIN if pin else 0
    right = 0
    if kid is not None:
        level = key_level(kid)
        right = level if kid & 0x80 else level << 8
        if pin and not both:
            access |= _PIN_OR
    return access, right


FREE_RULE: Final = AccessRule.decode(0, 0)
"""Always satisfied."""


def key_level(kid: int) -> int:
    """The level byte that a key sets: the low nibble of its identifier, twice [L]."""
    return (kid & 0x0F) * 0x11


def permits(
    rule: AccessRule, status: SecurityStatus, *, pin_satisfied: bool, masters: tuple[int, int]
) -> bool:
    """Decide access. ``masters`` are the offsets of the environment and the directory."""
    if rule.free:
        return True
    if rule.environment_master and masters[0] not in status.masters:
        return False
    if rule.directory_master and masters[1] not in status.masters:
        return False
    right = (not rule.global_right >> 4 or bool(status.global_levels & rule.global_mask)) and (
        not rule.local_right >> 4 or bool(status.local_levels & rule.local_mask)
    )
    if not rule.pin:
        return right
    if rule.pin_or_right:
        return pin_satisfied or right
    return pin_satisfied and right
