# SPDX-License-Identifier: Apache-2.0
"""The page docs/files.md, made from the profiles: ``python -m sscard_chip.profile.document PAGE``.

A test fails when the page in the repository is not what this module writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from sscard_chip.profile.codec import decode_value
from sscard_chip.profile.generations import Generation, generations, whole_profile
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Item,
    Key,
    KeyUse,
    Structure,
)
from sscard_chip.profile.pki import CERTIFICATE_DIRECTORY, PKI_DIRECTORY
from sscard_chip.profile.purse import PURSE_DIRECTORY
from sscard_chip.profile.transit import TRANSIT_DIRECTORY

_EF: Final = 0xEF
_HEAD: Final = """\
# Files, items and keys of the card

This page is generated from `sscard_chip/profile`; do not edit it by hand:
`python -m sscard_chip.profile.document docs/files.md`.

Tags, identifiers and kids are hex; lengths and sizes are hex with the sign `h`; counts are
decimal. Formats: `cn` BCD padded right with F, `an` GB 18030 padded right with 00, `b`
binary, `B-TLV` a template. Sizes are those of the whole body: of linear files with tag and
length of each record. `n×` means that the record stands n times. Provision: 启用 in use, 预设
defined but not yet in use, 预留 space only. Confidence: **H** printed in a standard or traced on
a real card, **M** read from a draft or a working program, **L** inferred; of an item it is that
of the weakest of tag, name, format and length.

The advisory DF05 and DF06 are off by default. Code tables stand at the end.
"""

_PURSE: Final = """\
## Deposit and purse

Of a card with a bank account, optional: an environment of its own, below the MF, without a master
key. What it does: [purse.md](purse.md). MAC: updates carry one.
"""


_TRANSIT: Final = """\
## Transport application

Of a card of generation 3, optional: an environment of its own, below the MF, without a master key.
`A000000632010106` is another name of it. What it does: [transit.md](transit.md).
"""
_CERTIFICATES: Final = """\
## Certificate application

Of a card of generation 3, optional: an environment below the MF (FID DDF2, ours [L]) and this
application in it, each with a master key of its own. The private keys 0013 and 0015 lie in files
that no command reads. Keys 81 and 82 are half of SM3 over a PIN each. What it does:
[pki.md](pki.md).
"""
_OPTIONAL: Final = (
    (_PURSE, PURSE_DIRECTORY),
    (_TRANSIT, TRANSIT_DIRECTORY),
    (_CERTIFICATES, CERTIFICATE_DIRECTORY),
)
_WITHOUT_MASTER_ROOT: Final = (PKI_DIRECTORY, *(directory for _, directory in _OPTIONAL))


def document() -> str:
    """The whole page."""
    codes: dict[str, dict[str, str]] = {}
    parts = [_HEAD]
    for generation in generations():
        parts.append("\n".join(_generation(generation, codes)))
    for head, directory in _OPTIONAL:
        parts.append("\n".join((head, *_directory(directory, None, codes))))
    parts.append("\n".join(_codes(codes)))
    return "\n".join(parts)


def _generation(generation: Generation, codes: dict[str, dict[str, str]]) -> Iterator[str]:
    """A generation with all that a card of it may have."""
    profile = whole_profile(generation.number)
    yield f"## Generation {generation.number}\n"
    yield from _table(
        ("规范版本", "interface", "algorithms", "SFI of DIR", "algorithm in the FCI", "PIN tries"),
        [
            (
                profile.version,
                "contact and contactless" if profile.contactless else "contact",
                ", ".join(profile.algorithms),
                f"{profile.dir_sfi:02X}",
                "yes" if profile.announce_algorithm else "no",
                str(profile.pin_retry_limit),
            )
        ],
    )
    yield generation.choices
    before = whole_profile(generation.based_on.number).directories if generation.based_on else ()
    for directory in profile.directories:
        base = next((old for old in before if old.fid == directory.fid), None)
        if directory != base:
            yield from _directory(directory, base, codes)


def _directory(
    directory: DirectoryDeclaration,
    base: DirectoryDeclaration | None,
    codes: dict[str, dict[str, str]],
) -> Iterator[str]:
    """A directory; with ``base`` only the files that differ from it."""
    yield f"### {directory.short_name} {directory.name}: {directory.english}\n"
    label = f", label {directory.label}" if directory.label else ""
    optional = ", optional" if directory.optional else ""
    yield (
        f"FID {directory.fid:04X}, name `{directory.df_name.hex().upper()}`{label}{optional}. "
        f"{directory.clause} [{directory.confidence.value}]\n"
    )
    old = base.files if base else ()
    files = [file for file in directory.files if file not in old]
    yield from _table(
        ("EF", "name", "structure", "read", "write", "provision", "size", "clause", "confidence"),
        [_file_row(file) for file in files],
    )
    for file in files:
        if file.items:
            ef = f"EF{file.fid & 0xFF:02X}" if file.fid >> 8 == _EF else f"{file.fid:04X}"
            yield f"**{directory.short_name} {ef} {file.name}**\n"
            yield from _table(
                ("record", "tag", "format", "length", "name", "codes", "confidence"),
                list(_item_rows(file, codes)),
            )
    if base is None or base.keys != directory.keys:
        yield f"**Keys of {directory.short_name}**\n"
        yield from _table(
            ("kid", "root", "use", "versions", "tries", "purpose", "confidence"),
            _key_rows(directory),
        )


def _file_row(file: FileDeclaration) -> tuple[str, ...]:
    structure = file.structure.value
    if file.structure is Structure.CYCLIC:
        structure += f", {file.records} × {file.record_length:X}h"
    elif file.structure is Structure.LINEAR_FIXED:
        structure += f", {len(file.items)} × {file.record_length:X}h"
    size = "fixed by the COS" if file.structure is Structure.AMOUNT else f"{file.content_size:X}h"
    if file.spare:
        size += f", {file.spare:X}h spare"
    return (
        f"{file.fid:04X}",
        f"{file.name}, {file.english}",
        structure,
        str(file.read),
        f"{file.write}, MAC" if file.secure_messaging else str(file.write),
        file.provision.value,
        size,
        file.clause,
        file.confidence.value,
    )


def _item_rows(
    file: FileDeclaration, codes: dict[str, dict[str, str]]
) -> Iterator[tuple[str, ...]]:
    raw = file.structure in (Structure.CYCLIC, Structure.TRANSPARENT)
    for first, count, item in _runs(file.items):
        record = "field" if raw else f"{first}"
        if count > 1:
            record = f"{first} to {first + count - 1} ({count}×)"
        yield _item_row(record, item, codes)
        for sub in item.items:
            yield _item_row("", sub, codes)


def _runs(items: Iterable[Item]) -> Iterator[tuple[int, int, Item]]:
    """First record, count and item of each run of equal items."""
    first, count = 1, 0
    last: Item | None = None
    for number, item in enumerate(items, 1):
        if item == last:
            count += 1
            continue
        if last is not None:
            yield first, count, last
        first, count, last = number, 1, item
    if last is not None:
        yield first, count, last


def _item_row(record: str, item: Item, codes: dict[str, dict[str, str]]) -> tuple[str, ...]:
    table = ""
    if item.codes:
        title = _code_title(item, codes)
        table = f"[{title}](#{_anchor(title)})"
    mark = " *inferred*" if item.inferred else ""
    if item.initial:
        mark += f", starts as {decode_value(item, item.initial)}"
    return (
        record,
        item.head[:-1].hex().upper() if item.tag else "",
        item.format.value,
        f"{item.length:02X}h",
        f"{item.name}, {item.english}{mark}",
        table,
        item.confidence.value,
    )


def _code_title(item: Item, codes: dict[str, dict[str, str]]) -> str:
    """Title of an item's code table; equal tables have the first item's name."""
    for title, known in codes.items():
        if known == item.codes:
            return title
    title = item.name
    if title in codes:
        title = f"{item.name} {item.tag:02X}"
    codes[title] = item.codes
    return title


def _anchor(title: str) -> str:
    """The fragment that renderers of Markdown give a heading: no punctuation, dashes, lower."""
    return re.sub(r"[^\w -]", "", title).replace(" ", "-").lower()


def _codes(codes: dict[str, dict[str, str]]) -> Iterator[str]:
    yield "## Code tables\n"
    for title, table in codes.items():
        yield f"### {title}\n"
        yield ", ".join(f"{code} {meaning}" for code, meaning in table.items()) + "\n"


_USES: Final = {
    KeyUse.EXTERNAL: "external authentication",
    KeyUse.INTERNAL: "internal authentication",
    KeyUse.MAINTENANCE: "MAC",
    KeyUse.PURCHASE: "purchase",
    KeyUse.LOAD: "load",
    KeyUse.TAC: "TAC",
    KeyUse.UNLOAD: "unload",
    KeyUse.OVERDRAFT: "overdraft limit",
    KeyUse.PIN_UNBLOCK: "PIN unblock",
    KeyUse.PIN_RELOAD: "PIN reload",
    KeyUse.PIN_KEY: "PIN",
}


def _key_rows(directory: DirectoryDeclaration) -> list[tuple[str, ...]]:
    if directory in _WITHOUT_MASTER_ROOT:
        return [_key_row(key) for key in directory.keys]
    master = ("", directory.master_key, "master key", "1", "3", "create files, load keys", "M")
    return [master, *(_key_row(key) for key in directory.keys)]


def _key_row(key: Key) -> tuple[str, ...]:
    length = " of 8 bytes in DES" if key.single else ""
    return (
        f"{key.kid:02X}",
        key.root,
        _USES[key.use],
        f"{key.versions}{length}",
        str(key.retry_limit) if key.retry_limit else "never locks",
        key.purpose,
        key.confidence.value,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
    yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page to the one path in ``arguments``; 2 for wrong usage."""
    if len(arguments) != 1:
        print("usage: python -m sscard_chip.profile.document PAGE", file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
