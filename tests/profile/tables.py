# SPDX-License-Identifier: Apache-2.0
"""The tables of the standards as the tests expect them: sizes, records, rules.

Lengths and identifiers are hex; c, n, B are cn, an, B-TLV; ? marks inferred items.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.generations import generations
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Format, Item

OPTIONAL = (0xDF05, 0xDF06)
NUMBERS = tuple(generation.number for generation in generations())
WHOLE = {g: for_generation(g, optional=OPTIONAL, with_account=True) for g in NUMBERS}
GENERATIONS = pytest.mark.parametrize("profile", WHOLE.values(), ids=lambda p: str(p.generation))

SIZES_1 = """
SSSE 05 40, 06 45, 07 300; DF01 05 55, 06 6B, 07 6, 08 3, 09 5C, 0A 12; DF02 05 AF, 06 2D, 07 154,
08 0, 09 60; DF03 05 26, 06 47, 07 2F; DF04 05 122, 06 12, 08 348
"""
SIZES_2 = """
SSSE 05 40, 06 5B, 07 300, 08 1000; DF01 05 5B, 06 AD, 07 03, 08 03, 09 57, 0A 0F, 15 A5, 16 128,
17 128, 18 128, 19 128, 1A 128; DF02 05 1B4, 06 28, 07 154, 09 65, 15 53, 16 48; DF03 05 2B, 06 191,
07 22, 15 11, 16 08, 17 A5, 18 19, 19 A4; DF04 05 B6, 06 0D, 08 348, 15 18; DF07 05 18, 06 53, 07 09
"""

RULES_1 = """
SSSE 05 free 04; 06 free 04; 07 free 04
DF01 05 PIN 83; 06 PIN 86; 07 PIN|84 84; 08 PIN 85; 09 PIN|84 84; 0A PIN 87
DF02 05 PIN|83 83; 06 PIN|84 84; 07 PIN|85 85; 08 PIN|86 86; 09 PIN|87 87
DF03 05 PIN&85 86; 06 PIN 87; 07 PIN&84 88
DF04 05 PIN 85; 06 PIN&84 86; 08 PIN --; 81 -- --
DF05 05 free 83
DF06 05 83 84; 06 83 85
"""
RULES_2 = """
SSSE 05 free 04; 06 free 04; 07 0A 04; 08 0A 04
DF01 05 PIN|88 83; 06 PIN|88 86; 07 PIN|88 84; 08 PIN|88 85; 09 PIN|88 84; 0A PIN|88 87
DF01 15 PIN|88 89; 16 free 8A; 17 free 8B; 18 free 8C; 19 free 8D; 1A free 8E
DF02 05 PIN|88 83; 06 PIN|88 84; 07 PIN|88 85; 09 PIN|88 86; 15 PIN|88 87; 16 PIN|88 89
DF03 05 PIN|85 86; 06 PIN|84 87; 07 PIN|84 88; 15 PIN|84 89; 16 PIN|84 8A; 17 PIN|84 8B
DF03 18 PIN|84 8C; 19 PIN|84 8D
DF04 05 PIN|84 85; 06 PIN&84 86; 08 PIN --; 15 PIN|84 86; 81 -- --
DF05 05 free 83
DF06 05 83 84; 06 83 85
DF07 05 83 86; 06 84 87; 07 85 88
"""

RECORDS_1 = """
SSSE 05: 01/10c 02/1n 03/4n 04/Cc 05/4c 06/4c 07/9n
SSSE 06: 08/12n 09/1En 0A/1n 0B/1c 0C/3c 0D/4c
DF01 05: 20/1n 21/50n
DF01 06: 26/50n? 27/6n? 28/Fn
DF01 07: 29/1n 2A/1c
DF01 08: 2B/1n
DF01 09: 2E/46n 30/9n 31/2n? 32/3n
DF01 0A: 37/4c 38/4c 39/4c
DF02 05: 40/34B 40/34B 42/3n 43/1DB 43/1DB
DF02 06: 3A/7n 4B/4c 4C/4c 4D/4c 4F/4c 50/4c 60/4c
DF02 09: 55/Ac 56/46n 96/4c 97/4c
DF03 05: 61/4c 62/4c 63/3n 64/3n 65/3n 66/3n 98/4c
DF03 06: 67/4c 68/1n? 6B/3Cn
DF03 07: 6C/4c 6D/4c? 6E/4c 6F/4c 70/3n 71/4c 72/4c? 73/4c
DF04 05: 80/4c 81/46n 83/9n 84/46n 86/9n 87/46n 89/9n 8A/Fn 8B/An 8C/1c 8F/1n
DF04 06: 90/4c 92/4c 93/4c
"""
RECORDS_2 = """
SSSE 05: 01/10c 02/1n 03/4n 04/Cc 05/4c 06/4c 07/9n
SSSE 06: 08/12n 09/1En 4E/14n 0A/1n 0B/1c 0C/3c 0D/4c
DF01 05: 20/2n 21/50n 0E/3c
DF01 06: 23/50n 24/3c 28/Fn 2C/32n 2D/Fn
DF01 07: 29/1n
DF01 08: 2B/1n
DF01 09: 2E/46n 30/9n 32/2n
DF01 0A: 37/3n 38/2n 39/4c
DF01 15: 2A/1c 40/34B 40/34B 40/34B
DF02 05: 42/3n 41/3n 43/6CB 43/6CB 44/65B 44/65B
DF02 06: 4C/4c 4B/5n 4D/3c 60/4c 4F/6n 50/3c 3A/7n
DF02 09: 55/10n 56/46n 96/4c 97/3c
DF02 15: 99/10B 99/10B 99/10B 99/10B 0F/4c 1F/3c
DF03 05: 61/3c 98/4c 62/4c 63/3n 64/3n 65/3n 66/3n
DF03 06: 45/14n 46/2n 47/2n 48/1n 49/1n 67/4c 6B/3Cn 4A/61B 4A/61B 4A/61B
DF03 07: 70/3n 71/3c 6E/4c 6C/4c 6F/4c 73/4c
DF03 15: 7A/3c 7B/4c 7C/4c
DF03 16: 51/3c 5F/1n
DF03 17: 3B/14n 3C/46n 3D/1n 3E/4c 3F/3Cn
DF03 18: 74/3n 75/3c 76/1c 77/4c 78/4c
DF03 19: 79/27B 79/27B 79/27B 79/27B
DF04 05: 81/8n 84/3c 87/11n 8C/1c 80/4c 8B/1Dn 8A/Fn 83/9n 86/9n 89/9n 7D/9n 7E/9n 7F/9n\
 8D/9n 8E/9n 8F/1n
DF04 06: 90/1n 92/4c 93/2n
DF07 05: F0/2n F1/1n F2/4c F3/3n F4/4c
DF07 06: F5/3n F6/4c F7/46n
DF07 07: F8/4c F9/1n
"""

SUB_ITEMS = {
    0x40: "57/3n 58/3c 59/28n",
    0x44: "33/3n 34/46n 35/4c 36/10n",
    0x4A: "13/2n 14/1n 15/14n 16/4c 17/3Cn",
    0x79: "18/3n 19/3c 1A/4c 1B/4c 1C/4c 1D/3n 1E/4c",
    0x99: "10/3n 11/4c 12/3c",
    0xA3: "A5/10n A6/4n",
    0xA4: "A7/10n A8/3n",
    0xC3: "E3/1c E4/4c E5/4c E6/4c E7/3c",
}
SUB_ITEMS_43 = {
    1: "5A/7n 5B/1n 5C/9n 5D/4c",
    2: "5A/7n 5B/1n 5C/46n 5D/4c 5E/10n",
    3: "5A/7n 5B/1n 5C/46n 5D/4c 5E/10n",
}

_FORMATS = {Format.CN: "c", Format.AN: "n", Format.B: "b", Format.BTLV: "B"}


def files(profile: Profile) -> Iterator[tuple[DirectoryDeclaration, FileDeclaration]]:
    for directory in profile.directories:
        for file in directory.files:
            yield directory, file


def shape(items: tuple[Item, ...]) -> str:
    return " ".join(
        f"{item.tag:02X}/{item.length:X}{_FORMATS[item.format]}{'?' * item.inferred}"
        for item in items
    )


def sizes(text: str) -> dict[str, int]:
    found = {}
    for part in " ".join(text.split()).split("; "):
        directory, _, rest = part.partition(" ")
        for entry in rest.split(", "):
            fid, size = entry.split()
            found[f"{directory} {fid}"] = int(size, 16)
    return found


def rules(text: str) -> dict[str, str]:
    found = {}
    for line in text.strip().splitlines():
        directory, _, rest = line.partition(" ")
        for entry in rest.split("; "):
            fid, rule = entry.split(" ", 1)
            found[f"{directory} {fid}"] = rule
    return found


def records(text: str) -> dict[str, str]:
    return dict(line.split(": ") for line in text.strip().splitlines())


def name_of(directory: DirectoryDeclaration, file: FileDeclaration) -> str:
    return f"{directory.short_name} {file.fid & 0xFF:02X}"


def short_rule(file: FileDeclaration) -> str:
    def short(text: str) -> str:
        text = text.replace("key ", "").replace("never", "--")
        return text.replace(" or ", "|").replace(" and ", "&")

    return f"{short(str(file.read))} {short(str(file.write))}"
