# SPDX-License-Identifier: Apache-2.0
"""The tables of a region's own files (本地扩展) as typed models, with every rule of theirs.

Letter 37, section 6: local EFs count from EF0C, local DFs from DF0A; what the standard defines is
not used again, neither FIDs nor tags; the EFs of SSSE and cyclic EFs get no further items, others
may.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from sscard_chip.profile.generations import defined_files, defined_tags
from sscard_chip.profile.model import FREE, NEVER, PIN, Rule, key
from sscard_chip.standard.documents import Broken, Model, rule
from sscard_chip.standard.identifiers import AID_OF_DF, DIR_FILE, EF, FCI_FILE, HIGHEST_SFI, SSSE
from sscard_chip.standard.text import encode_text, text_rule

FORMAT: Final = "sscard-local-files/1"

_FIRST_FILE, _LAST_FILE = 0xEF0C, EF | HIGHEST_SFI
_FIRST_OWN_FILE: Final = 0xEF01
_DIRECTORY_FILES: Final = (FCI_FILE, DIR_FILE)
_FIRST_DIRECTORY, _LAST_DIRECTORY = 0xDF0A, 0xDFFF
MAX_CONTENT: Final = 0x7FFF  # what a 15-bit offset reaches
MAX_RECORDS: Final = 254
MAX_VALUE: Final = 253

_RULE: Final = re.compile(r"(?:(PIN) (or|and) )?key ([0-9A-F]{2})")
_PLAIN_RULES: Final = {"free": FREE, "never": NEVER, "PIN": PIN}
_UNKNOWN: Final = "is not a field of this table"


def _line_rule(text: str) -> str | None:
    if not text.isprintable():
        return "must be a text of one line"
    return None if text else "must not be empty"


def _label_rule(text: str) -> str | None:
    rule = text_rule(text)
    if rule:
        return rule
    return None if len(encode_text(text)) <= 16 else "must be at most 16 bytes in GB 18030"


def _directory_rule(text: str) -> str | None:
    right = _FIRST_DIRECTORY <= directory_fid(text) <= _LAST_DIRECTORY
    return None if right else "a local directory counts from DF0A"


def _df_name_rule(text: str) -> str | None:
    if bytes.fromhex(text) in AID_OF_DF.values():
        return "is the name of a directory of the standard"
    return None


def _tag_rule(text: str) -> str | None:
    if text in ("00", "FF"):
        return "must be from 01 to FE"
    return "the standard defines this tag" if int(text, 16) in defined_tags() else None


def _access_rule(text: str) -> str | None:
    if text in _PLAIN_RULES:
        return None
    match = _RULE.fullmatch(text)
    if match is None:
        return "must be free, never, PIN, key NN, PIN or key NN, PIN and key NN"
    return _kid_rule(match[3])


def _kid_rule(text: str) -> str | None:
    """Bits 5 to 7 of an identifier are not used; its low digit is the level, 1 to F."""
    kid = int(text, 16)
    wrong = kid & 0x70 or not kid & 0x0F
    return "a key is 01 to 0F in SSSE, 81 to 8F in a DF" if wrong else None


Line = Annotated[str, rule("must be a text of one line", check=_line_rule)]
ShortText = Annotated[
    str, rule("must be a text of one line", check=lambda text: text and _line_rule(text))
]
Owner = Annotated[
    str,
    rule(
        "must be SSSE or DF and two capital hex digits",
        pattern="SSSE|DF[0-9A-F]{2}",
        title="Directory: SSSE or DFxx",
    ),
]
Fid = Annotated[str, rule("must be EF and two capital hex digits", pattern="EF[0-9A-F]{2}")]
Access = Annotated[
    str,
    rule(check=_access_rule, title="free, never, PIN, key NN, PIN or key NN, PIN and key NN"),
]
Kid = Annotated[str, rule("must be 2 capital hex digits", pattern="[0-9A-F]{2}", check=_kid_rule)]


class LocalDirectory(Model, frozen=True):
    """A directory of the region's own."""

    WHAT = "this table"

    fid: Annotated[Owner, rule(check=_directory_rule, title="DF0A to DFFF")]
    name: Line
    df_name: Annotated[
        str,
        rule(
            "must be 10 to 32 capital hex digits",
            pattern="(?:[0-9A-F]{2}){5,16}",
            check=_df_name_rule,
            title="Name for SELECT, 5 to 16 bytes in hex",
        ),
    ]
    english: ShortText = ""
    label: Annotated[
        str, rule("must be a text of one line", check=_label_rule, title="Application label")
    ] = ""


class LocalItem(Model, frozen=True):
    """A record, a raw field of a cyclic file (without tag) or a part of a template."""

    WHAT = "this table"

    name: Line
    format: Annotated[
        Literal["cn", "an", "b", "B-TLV"], rule("must be of cn, an, b, B-TLV", title="Data format")
    ]
    tag: Annotated[
        str | None,
        rule("must be 2 capital hex digits", pattern="[0-9A-F]{2}", check=_tag_rule),
    ] = None
    english: ShortText = ""
    length: Annotated[int, rule(ge=1, le=MAX_VALUE, title="Bytes")] | None = None
    repeat: Annotated[int, rule(ge=1, le=MAX_RECORDS, title="How many such records")] = 1
    codes: Annotated[
        dict[str, str], rule("must be a table of texts", title="Codes and their meanings")
    ] = {}
    item: Annotated[list[LocalItem], rule(title="Parts of a B-TLV template")] = []

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """A template has parts, and nothing else has."""
        if not {"format", "item", "length"} <= good.keys():
            return
        parts = good["item"]
        if (good["format"] == "B-TLV") is not bool(parts):
            yield ("item",), "a B-TLV item, and no other, has items"
        elif not parts and good["length"] is None:
            yield ("length",), "is required"
        elif parts and sum(2 + (one.get("length") or 0) for one in parts) > MAX_VALUE:
            yield ("item",), f"a template must be at most {MAX_VALUE} bytes"
        elif parts and good["length"] is not None:
            yield ("length",), _UNKNOWN
        for number, part in enumerate(parts, 1):
            yield from _tag_findings(part, ("item", str(number)), tagged=True)
            if "repeat" in part:
                yield ("item", str(number), "repeat"), _UNKNOWN


def _tag_findings(
    item: Mapping[str, Any], place: tuple[str, ...], *, tagged: bool
) -> Iterator[Broken]:
    """Whether an item has a tag just when it must have one."""
    if tagged is not ("tag" in item):
        yield (*place, "tag"), "is required" if tagged else _UNKNOWN


class LocalElementaryFile(Model, frozen=True):
    """An elementary file of the region's own."""

    WHAT = "this table"

    directory: Owner
    fid: Fid
    name: Line
    structure: Annotated[
        Literal["transparent", "linear fixed", "linear variable", "cyclic"],
        rule("must be of transparent, linear fixed, linear variable, cyclic"),
    ]
    read: Access
    write: Access
    english: ShortText = ""
    item: list[LocalItem] = []
    records: Annotated[int, rule(ge=1, le=MAX_RECORDS, title="Of a cyclic file")] | None = None
    size: Annotated[int, rule(ge=1, le=MAX_CONTENT, title="Of a transparent file")] | None = None
    secure_messaging: Annotated[bool, rule(title="Written with a MAC")] = False

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """What structure and directory demand of the other fields."""
        structure = good.get("structure")
        for name, owner in (("records", "cyclic"), ("size", "transparent")):
            if structure and name in good and (good[name] is not None) is not (structure == owner):
                yield (name,), "is required" if structure == owner else _UNKNOWN
        if "directory" in good and "fid" in good:
            fault = _local_fid_rule(directory_fid(good["directory"]), int(good["fid"], 16))
            if fault:
                yield ("fid",), fault
        for name in ("read", "write"):
            if (
                good.get("directory") == "SSSE"
                and (parse_access(good.get(name, "free")).kid or 0) >= 0x80
            ):
                yield (name,), "a key of SSSE is below 80"
        if structure and "item" in good:
            yield from cls._item_findings(structure, good["item"])

    @staticmethod
    def _item_findings(structure: str, items: Sequence[Mapping[str, Any]]) -> Iterator[Broken]:
        if structure == "transparent":
            if items:
                yield ("item",), "a transparent file has no items"
            return
        if not items:
            yield ("item",), "at least one item is required"
        raw = structure == "cyclic"
        for number, item in enumerate(items, 1):
            place = ("item", str(number))
            yield from _tag_findings(item, place, tagged=not raw)
            if raw and "repeat" in item:
                yield (*place, "repeat"), _UNKNOWN
            if raw and item["format"] == "B-TLV":
                yield (*place, "format"), "must be of cn, an, b"


def _local_fid_rule(directory: int, fid: int) -> str | None:
    first = _FIRST_OWN_FILE if directory >= _FIRST_DIRECTORY else _FIRST_FILE
    if not first <= fid <= _LAST_FILE:
        return f"must be from {first:04X} to {_LAST_FILE:04X}"
    taken = defined_files().get(directory, frozenset())
    if fid in taken or (directory == SSSE and fid in _DIRECTORY_FILES):
        return "the standard defines this file"
    return None


class LocalExtra(Model, frozen=True):
    """Further items of a file that the standard defines."""

    WHAT = "this table"

    directory: Owner
    fid: str
    item: list[LocalItem] = []

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """Only files of applications, and only those of the standard, are extended."""
        owner, fid = good.get("directory"), good.get("fid")
        if owner == "SSSE":
            yield ("directory",), "the files of SSSE get no further items"
        elif owner and fid is not None:
            defined = defined_files().get(directory_fid(owner), frozenset())
            if fid not in {f"{one:04X}" for one in defined}:
                yield ("fid",), "must be a file that the standard defines"
        if good.get("item") == []:
            yield ("item",), "at least one item is required"
        for number, item in enumerate(good.get("item", ()), 1):
            yield from _tag_findings(item, ("item", str(number)), tagged=True)


class LocalKey(Model, frozen=True):
    """A key of EXTERNAL AUTHENTICATE of the region's own."""

    WHAT = "this table"

    directory: Owner
    kid: Kid
    root: Annotated[
        str,
        rule(
            "must be 2 to 32 capital letters and digits",
            pattern="[A-Z][A-Z0-9]{1,31}",
            title="Name of the root key",
        ),
    ]
    purpose: Line = "local files"
    versions: Annotated[int, rule(ge=1, le=15)] = 3
    tries: Annotated[int, rule(ge=0, le=15, title="Retry counter, 0 for no limit")] = 3

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """Bit 8 of the identifier says whose key it is."""
        if {"directory", "kid"} <= good.keys():
            own = int(good["kid"], 16) >= 0x80
            if own is (good["directory"] == "SSSE"):
                yield ("kid",), "a key is 01 to 0F in SSSE, 81 to 8F in a DF"


class LocalTables(Model, frozen=True):
    """A region's own files, keys and directories."""

    WHAT = "this table"
    NOT_OBJECT = "must be a table, [local]"

    optional: Annotated[
        list[Annotated[Literal["DF05", "DF06"], rule("must be of DF05, DF06")]],
        rule("must be a list of texts", title="Optional applications that are needed"),
    ] = []
    directory: list[LocalDirectory] = []
    file: list[LocalElementaryFile] = []
    extra: list[LocalExtra] = []
    key: list[LocalKey] = []


class LocalFiles(LocalTables, frozen=True, kw_only=True):
    """A file of local extensions (本地扩展): see docs/profile-format.md."""

    format: Annotated[Literal["sscard-local-files/1"], rule(f'must be "{FORMAT}"')]


def directory_fid(name: str) -> int:
    """The FID of SSSE or DFxx."""
    return SSSE if name == "SSSE" else int(name, 16)


def parse_access(text: str) -> Rule:
    """A checked rule of access: free, never, PIN, key NN, PIN or key NN, PIN and key NN."""
    if text in _PLAIN_RULES:
        return _PLAIN_RULES[text]
    match = _RULE.fullmatch(text)
    assert match is not None  # noqa: S101 - the model checked it
    rule_of_key = key(int(match[3], 16))
    if match[2] is None:
        return rule_of_key
    return PIN | rule_of_key if match[2] == "or" else PIN & rule_of_key
