# SPDX-License-Identifier: Apache-2.0
"""The records of an application and the AFLs that name them (payment page B2).

The numbers are those of a real card: SFI 1 records 1, 2; SFI 2 records 7 to 10; SFI 3 records 1
and 4 to 6. What stands in SFI 2.7 and SFI 3 there is not published: here the issuer's key, the
PAN sequence number and the electronic cash [L]. No data object stands twice, neither across
records nor in a contactless answer with the records that it names.

==========  ==================================================  =============================
record      data objects                                        read when
==========  ==================================================  =============================
SFI 1.1     57                                                  contact
SFI 1.2     9F61 9F62 5F20                                      contact
SFI 2.7     8F 92 9F32                                          offline data authentication
SFI 2.8     5F24 5F25 5A 9F07 8E 9F0D 9F0E 9F0F 5F28 9F08       always
            8C 8D
SFI 2.9     93 9F4A                                             offline data authentication
SFI 2.10    9F46                                                dynamic
SFI 3.1     5F34                                                contact
SFI 3.2     9F74                                                electronic cash
SFI 3.4     90                                                  offline data authentication
SFI 3.5     9F47 9F48                                           dynamic, RSA
SFI 3.6     9F49                                                dynamic
SFI 3.7     9F4B, made by each contactless approval             dynamic
==========  ==================================================  =============================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sscard_chip.filesystem.tlv import DataObjects, encode_template, tlv
from sscard_chip.profile.bank.model import (
    ACTION_DEFAULT,
    ACTION_DENIAL,
    ACTION_ONLINE,
    CASH_AUTHORISATION,
    CDOL1,
    CDOL2,
    COUNTRY,
    CVM_ENCIPHERED,
    CVM_OFFLINE,
    CVM_ONLINE,
    DDOL,
    STATIC_TAGS,
    USAGE_CONTROL,
    VERSION,
    BankContents,
)
from sscard_chip.security.oda.model import (
    TAG_CA_INDEX,
    TAG_CARD_CERTIFICATE,
    TAG_CARD_EXPONENT,
    TAG_CARD_REMAINDER,
    TAG_ISSUER_CERTIFICATE,
    TAG_ISSUER_EXPONENT,
    TAG_ISSUER_REMAINDER,
    TAG_STATIC_SIGNATURE,
    TAG_STATIC_TAGS,
)

TEMPLATE: Final = 0x70
UNUSED: Final = b"\x00\x00"
"""In place of a record whose number is not used."""

_BLANK: Final = b" "
_IDENTITY_LENGTH: Final = 18
_NAME_LENGTH: Final = 2
_STATIC: Final = (2, 8)

_WITHOUT_OFFLINE, _STATIC_DATA, _DYNAMIC_DATA = 0x1C, 0x40, 0x20


def interchange_profile(*, static: bool, dynamic: bool) -> bytes:
    """AIP (82): holder verification, terminal risk management and issuer authentication; with
    SDA and DDA where the card has what they need (7C00)."""
    bits = _WITHOUT_OFFLINE | (_STATIC_DATA if static else 0) | (_DYNAMIC_DATA if dynamic else 0)
    return bytes((bits, 0))


def profile_of(contents: BankContents) -> bytes:
    """AIP of an application."""
    offline = contents.offline
    return interchange_profile(
        static=offline is not None, dynamic=bool(offline and offline.dynamic)
    )


def track_2(contents: BankContents) -> bytes:
    """Track 2 equivalent (57): PAN D YYMM service code, discretionary data, F when odd."""
    text = f"{contents.pan}D{contents.expiry[:4]}{contents.service_code}{contents.discretionary}"
    return bytes.fromhex(text + "F" * (len(text) % 2))


def _cvm_list(contents: BankContents) -> bytes:
    if contents.pin is None:
        return CVM_ONLINE
    return CVM_ENCIPHERED if contents.enciphered_pin else CVM_OFFLINE


def _static_objects(contents: BankContents) -> DataObjects:
    pan = contents.pan + "F" * (len(contents.pan) % 2)
    return [
        (0x5F24, bytes.fromhex(contents.expiry)),
        (0x5F25, bytes.fromhex(contents.effective)),
        (0x5A, bytes.fromhex(pan)),
        (0x9F07, USAGE_CONTROL),
        (0x8E, _cvm_list(contents)),
        (0x9F0D, ACTION_DEFAULT),
        (0x9F0E, ACTION_DENIAL),
        (0x9F0F, ACTION_ONLINE),
        (0x5F28, COUNTRY),
        (0x9F08, VERSION),
        (0x8C, CDOL1),
        (0x8D, CDOL2),
    ]


def static_data(contents: BankContents, *, dynamic: bool) -> bytes:
    """What the issuer signs: record SFI 2.8 without template, then the AIP that 9F4A names.

    ``contents`` may still lack its ``offline``; ``dynamic`` says whether the card will sign.
    """
    body = b"".join(tlv(*item) for item in _static_objects(contents))
    return body + interchange_profile(static=True, dynamic=dynamic)


def records(contents: BankContents) -> dict[tuple[int, int], bytes]:
    """The records by SFI and number, each a template 70. Numbers between are not used."""
    objects: dict[tuple[int, int], DataObjects] = {
        (1, 1): [(0x57, track_2(contents))],
        (1, 2): [
            (0x9F61, _BLANK * _IDENTITY_LENGTH),
            (0x9F62, b"\x00"),
            (0x5F20, _BLANK * _NAME_LENGTH),
        ],
        _STATIC: _static_objects(contents),
        (3, 1): [(0x5F34, bytes.fromhex(contents.sequence))],
    }
    if contents.cash is not None:
        objects[3, 2] = [(0x9F74, CASH_AUTHORISATION)]
    if contents.offline is not None:
        objects |= _offline_objects(contents.offline.tags, dynamic=contents.offline.dynamic)
    return {place: encode_template(TEMPLATE, items) for place, items in sorted(objects.items())}


def _offline_objects(
    tags: Mapping[int, bytes], *, dynamic: bool
) -> dict[tuple[int, int], DataObjects]:
    issuer = _present(tags, TAG_CA_INDEX, TAG_ISSUER_REMAINDER, TAG_ISSUER_EXPONENT)
    found = {
        (2, 7): issuer,
        (2, 9): [*_present(tags, TAG_STATIC_SIGNATURE), (TAG_STATIC_TAGS, STATIC_TAGS)],
        (3, 4): _present(tags, TAG_ISSUER_CERTIFICATE),
    }
    if dynamic:
        found[2, 10] = _present(tags, TAG_CARD_CERTIFICATE)
        if card := _present(tags, TAG_CARD_EXPONENT, TAG_CARD_REMAINDER):
            found[3, 5] = card
        found[3, 6] = [(0x9F49, DDOL)]
    return found


def _present(tags: Mapping[int, bytes], *wanted: int) -> DataObjects:
    return [(tag, tags[tag]) for tag in wanted if tag in tags]


# --- AFL ------------------------------------------------------------------------------------------


def file_locator(contents: BankContents, *, contactless: bool = False) -> bytes:
    """The AFL (94): runs of records that exist, static data first of SFI 2.

    Contactless: only what the answer itself does not hold, and not the static data last, since
    readers look for 5F24 before the last record [M].
    """
    there = set(records(contents))
    if contactless:
        runs = [(2, 8, 10), (2, 7, 7), (3, 4, 6), (3, 2, 2)]
    else:
        runs = [(1, 1, 2), (2, 8, 10), (2, 7, 7), (3, 1, 2), (3, 4, 6)]
    found = bytearray()
    for sfi, first, last in runs:
        for start, end in _stretches(sfi, range(first, last + 1), there):
            signed = contents.offline is not None and (sfi, start) == _STATIC
            found += bytes((sfi << 3, start, end, int(signed)))
    return bytes(found)


def _stretches(sfi: int, numbers: range, there: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs of numbers that exist."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if (sfi, number) not in there:
            continue
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
