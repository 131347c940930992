# SPDX-License-Identifier: Apache-2.0
"""What the issuer checks of a holder before a card is made: numbers, dates, names.

Each check returns the broken rule as one line, or None. No rule quotes the value.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from issuance.names import check_name as check_name
from sscard_chip.standard.dates import DATE_RULE, is_digits, parse_date
from sscard_chip.standard.divisions import PROVINCES

MAX_AGE: Final = 130

_CITIZEN: Final = re.compile(r"[0-9]{17}[0-9X]")
_CITIZEN_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_CHECK: Final = "10X98765432"
_FOREIGNER: Final = re.compile(r"[A-Z]{3}[0-9A-Z]{4,15}")
_CARD: Final = re.compile(r"[A-Z][0-9A-Z]{7}[0-9X]")
_CARD_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_DIGITS: Final = re.compile(r"[0-9]*")

# Hong Kong and Macau residents' permits 81 and 82 are provinces; Taiwan residents' permit 83.
_AREAS: Final = PROVINCES | {"83"}
# Permanent residence cards of foreigners (2023) start with 9; so do invented numbers [M].
_PERMANENT_RESIDENCE: Final = "9"


def citizen_check_character(first17: str) -> str:
    """The check character of 17 digits (GB 11643, ISO 7064 MOD 11-2): 0 to 9 or X."""
    total = sum(int(c) * w for c, w in zip(first17, _CITIZEN_WEIGHTS, strict=True))
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
    born = parse_date(number[6:14])
    if born is None:
        return "digits 7 to 14 are no real date (GB 11643)"
    return _check_birth(born, today, "digits 7 to 14 are")


def check_birth_date(text: str, today: date) -> str | None:
    """出生日期: a real day, not after today, not more than 130 years ago."""
    born = parse_date(text)
    if born is None:
        return DATE_RULE
    return _check_birth(born, today, "is")


def _check_birth(born: date, today: date, subject: str) -> str | None:
    if born > today:
        return f"{subject} a date in the future"
    if today.year - born.year > MAX_AGE:
        return f"{subject} more than {MAX_AGE} years ago"
    return None


def card_check_character(first8: str) -> str:
    """The ninth character of a card number (卡号, annex A): 0 to 9 or X.

    ``first8`` are digits and capital letters, A counting 10 to Z 35.
    """
    total = sum(int(c, 36) * w for c, w in zip(first8, _CARD_WEIGHTS, strict=True))
    return ("0123456789X0")[11 - total % 11]


def check_card_number(number: str) -> str | None:
    """卡号: a capital letter, seven digits or capital letters, a check character (annex A)."""
    if not _CARD.fullmatch(number):
        return "must be a capital letter, 7 digits or capital letters and a check character"
    if card_check_character(number[:8]) != number[8]:
        right = card_check_character(number[:8])
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
