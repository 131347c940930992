# SPDX-License-Identifier: Apache-2.0
"""What the issuer checks of a holder before a card is made: numbers, dates, names.

Each check returns the broken rule as one line, or None. No rule quotes the value.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from operator import mul
from string import ascii_uppercase, digits
from typing import Final

from issuance.names import check_name as check_name
from sscard_chip.standard.dates import DATE_RULE, is_digits, parse_date
from sscard_chip.standard.divisions import PROVINCES

MAX_AGE: Final = 130
_BIRTH_DAYS: Final = 65_536  # more than there are in MAX_AGE years: each is judged once

_CITIZEN: Final = re.compile(r"[0-9]{17}[0-9X]")
_CITIZEN_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_ZERO: Final = ord("0") * sum(_CITIZEN_WEIGHTS)
_CITIZEN_CHECK: Final = "10X98765432"
_FOREIGNER: Final = re.compile(r"[A-Z]{3}[0-9A-Z]{4,15}")
_CARD: Final = re.compile(r"[A-Z][0-9A-Z]{7}[0-9X]")
_CARD_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_CARD_VALUES: Final = {character: int(character, 36) for character in digits + ascii_uppercase}
_DIGITS: Final = re.compile(r"[0-9]*")

# Hong Kong and Macau residents' permits 81 and 82 are provinces; Taiwan residents' permit 83.
_AREAS: Final = PROVINCES | {"83"}
# Permanent residence cards of foreigners (2023) start with 9; so do invented numbers [M].
_PERMANENT_RESIDENCE: Final = "9"


def citizen_check_character(first17: str) -> str:
    """The check character of 17 digits (GB 11643, ISO 7064 MOD 11-2): 0 to 9 or X."""
    if not is_digits(first17, 17):
        raise ValueError("must be 17 digits")
    total = sum(map(mul, first17.encode("ascii"), _CITIZEN_WEIGHTS)) - _CITIZEN_ZERO
    return _CITIZEN_CHECK[total % 11]


def is_citizen_number(number: str) -> bool:
    """Whether a social security number has the form of a citizen number (公民身份号码)."""
    return bool(_CITIZEN.fullmatch(number))


def check_social_security_number(number: str, today: date) -> str | None:
    """社会保障号码: a citizen number (GB 11643), or a foreigner's number taken as text [L]."""
    if _FOREIGNER.fullmatch(number):
        return None
    if not _CITIZEN.fullmatch(number):
        if _CITIZEN.fullmatch(number.upper()):
            return "the check character X must be a capital letter"
        return "must be 17 digits and a check character (GB 11643), or a foreigner's number"
    if citizen_check_character(number[:17]) != number[17]:
        return "the check digit is wrong (GB 11643)"
    if number[:2] not in _AREAS and not number.startswith(_PERMANENT_RESIDENCE):
        return "the first two digits are no province (GB/T 2260)"
    rule = _birth_rule(number[6:14], today)
    if rule is None:
        return None
    return f"digits 7 to 14 are {rule or 'no real date (GB 11643)'}"


def check_birth_date(text: str, today: date) -> str | None:
    """出生日期: a real day, not after today, not more than 130 years ago."""
    rule = _birth_rule(text, today)
    if rule is None:
        return None
    return f"is {rule}" if rule else DATE_RULE


@lru_cache(maxsize=_BIRTH_DAYS)
def _birth_rule(text: str, today: date) -> str | None:
    """What a date of birth is that is wrong, empty for no date at all; None for a right one."""
    born = parse_date(text)
    if born is None:
        return ""
    if born > today:
        return "a date in the future"
    if today.year - born.year > MAX_AGE:
        return f"more than {MAX_AGE} years ago"
    return None


def card_check_character(first8: str) -> str:
    """The ninth character of a card number (卡号, annex A): 0 to 9 or X.

    ``first8`` are digits and capital letters, A counting 10 to Z 35.
    """
    values = [_CARD_VALUES.get(character, -1) for character in first8]
    if len(values) != len(_CARD_WEIGHTS) or -1 in values:
        raise ValueError("must be 8 digits and capital letters")
    return ("0123456789X0")[11 - sum(map(mul, values, _CARD_WEIGHTS)) % 11]


def check_card_number(number: str) -> str | None:
    """卡号: a capital letter, seven digits or capital letters, a check character (annex A)."""
    if not _CARD.fullmatch(number):
        return "must be a capital letter, 7 digits or capital letters and a check character"
    right = card_check_character(number[:8])
    if right != number[8]:
        return f"the check character is wrong, it must be {right} (annex A)"
    return None


def check_birthplace(code: str) -> str | None:
    """出生地: 6 digits whose province exists. Withdrawn codes stay legal for a birthplace.

    Codes that start with 9 are taken: there is no GB/T 2260 code for a birth abroad [L].
    """
    if not is_digits(code, 6):
        return "must be a division code of 6 digits (GB/T 2260)"
    if code[:2] not in PROVINCES and not code.startswith(_PERMANENT_RESIDENCE):
        return "the first two digits are no province (GB/T 2260)"
    return None


def check_personal_pin(pin: str) -> str | None:
    """个人密码: 4 to 16 digits."""
    if not (4 <= len(pin) <= 16 and _DIGITS.fullmatch(pin)):
        return "must be 4 to 16 digits"
    return None


def sex_of(citizen_number: str) -> str:
    """The sex that a citizen number shows by its 17th digit: 1 male (odd), 2 female."""
    return "1" if int(citizen_number[16]) % 2 else "2"
