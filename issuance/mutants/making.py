# SPDX-License-Identifier: Apache-2.0
"""Mutants that were made wrong: rights, items, names, keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from issuance.mutants.model import Mutant
from sscard_chip.profile import Profile
from sscard_chip.profile.model import (
    FREE,
    PIN,
    DirectoryDeclaration,
    FileDeclaration,
    Item,
    Rule,
)
from sscard_chip.standard.identifiers import DF01, DF02, DF03, DF04, SSSE

FileChange = Callable[[FileDeclaration], FileDeclaration]


def _file(directory: int, fid: int, change: FileChange) -> Callable[[Profile], Profile]:
    """A profile whose file is another one."""

    def changed(one: DirectoryDeclaration) -> DirectoryDeclaration:
        return one.with_files(change(one.file(fid))) if one.fid == directory else one

    def profile(plan: Profile) -> Profile:
        return replace(
            plan,
            environment=changed(plan.environment),
            applications=tuple(map(changed, plan.applications)),
        )

    return profile


def _read(rule: Rule) -> FileChange:
    return lambda file: replace(file, read=rule)


def _write(rule: Rule) -> FileChange:
    return lambda file: replace(file, write=rule)


def _item(tag: int, **changes: Any) -> FileChange:
    def one(item: Item) -> Item:
        return replace(item, **changes) if item.tag == tag else item

    return lambda file: replace(file, items=tuple(map(one, file.items)))


def _without(tag: int) -> FileChange:
    return lambda file: replace(file, items=tuple(i for i in file.items if i.tag != tag))


def _without_directory(fid: int) -> Callable[[Profile], Profile]:
    return lambda plan: replace(
        plan, applications=tuple(d for d in plan.applications if d.fid != fid)
    )


def _made(
    name: str, wrong: str, caught_by: str, profile: Callable[[Profile], Profile], **more: Any
) -> Mutant:
    return Mutant(name=name, wrong=wrong, caught_by=caught_by, profile=profile, **more)


_F: Final = "SSC-32.6-"

MAKING: Final = (
    _made("holder-file-free", "SSSE EF06 of 3.0 is read free", _F + "SSSE.EF06-closed",
          _file(SSSE, 0xEF06, _read(FREE)), generation=3),
    _made("photo-by-pin", "The PIN opens the photo", _F + "SSSE.EF08-pin",
          _file(SSSE, 0xEF08, _read(PIN))),
    _made("df01-free", "DF01 EF05 is read free", _F + "DF01.EF05-closed",
          _file(DF01, 0xEF05, _read(FREE))),
    _made("df01-key-alone", "The PIN does not open DF01 EF06", _F + "DF01.EF06-pin",
          _file(DF01, 0xEF06, _read(Rule(kid=0x88)))),
    _made("df02-other-key", "Another key opens DF02 EF06", _F + "DF02.EF06-other-keys",
          _file(DF02, 0xEF06, _read(PIN | Rule(kid=0x84)))),
    _made("df04-pin-or-key", "DF04 EF06 opens to PIN or key", _F + "DF04.EF06-pin",
          _file(DF04, 0xEF06, _read(PIN | Rule(kid=0x84)))),
    _made("df04-key-alone", "DF04 EF06 opens to the key without the PIN", _F + "DF04.EF06-key",
          _file(DF04, 0xEF06, _read(Rule(kid=0x84)))),
    _made("df03-write-free", "Everybody writes DF03 EF07", _F + "DF03.EF07-write-closed",
          _file(DF03, 0xEF07, _write(FREE))),
    _made("df01-write-pin", "The PIN writes DF01 EF07", _F + "DF01.EF07-write-closed",
          _file(DF01, 0xEF07, _write(PIN))),
    _made("df01-write-other-key", "Another key writes DF01 EF05", _F + "DF01.EF05-write-other-keys",
          _file(DF01, 0xEF05, _write(Rule(kid=0x84)))),
    _made("item-4e-missing", "姓名扩展 is missing on 2.0", _F + "SSSE.EF06-item-4E",
          _file(SSSE, 0xEF06, _without(0x4E))),
    _made("item-short", "Tag 28 is one byte short", _F + "DF01.EF06-item-28",
          _file(DF01, 0xEF06, _item(0x28, length=14))),
    _made("item-padded-20", "A text is padded with blanks", _F + "DF02.EF06-item-4B",
          _file(DF02, 0xEF06, _item(0x4B, initial=b"1    "))),
    _made("item-cn-00", "A number is padded with 00 behind its F", _F + "DF03.EF05-item-61",
          _file(DF03, 0xEF05, _item(0x61, initial=b"\x51\xff\x00"))),
    _made("item-no-code", "用卡方式 is no code", _F + "DF04.EF05-item-8F",
          _file(DF04, 0xEF05, _item(0x8F, initial=b"7"))),
    _made("df07-missing", "DF07 is missing on 2.0", "SSC-32.3-DF07-01", _without_directory(0xDF07)),
    _made("binary-short", "A reserved file is one byte short", _F + "DF01.EF16-size",
          _file(DF01, 0xEF16, lambda file: replace(file, size=file.size - 1))),
    Mutant(name="check-character", wrong="The check character of 卡号 is wrong",
           caught_by="SSC-32.6-CARD-11", broken="card-number-check"),
    Mutant(name="counterfeit", wrong="IRK is another one", caught_by="SSC-32.5-7.7.4-11",
           broken="counterfeit"),
    *(
        Mutant(name=name, wrong=wrong, caught_by=caught_by, broken=name)
        for name, wrong, caught_by in (
            ("equal-key-versions", "Later purchase keys equal the first", "SSC-32.5-8.2.4-02"),
            ("identification-forged", "The 认证码 is wrong", "SSC-32.6-CARD-12"),
            ("version-of-generation-3", "规范版本 of another generation", "SSC-32.6-CARD-05"),
            ("class-unknown", "卡类别 is no code", "SSC-32.6-CARD-06"),
            ("name-blank-padded", "The name is padded with blanks", "SSC-32.6-SSSE.EF06-item-09"),
            ("name-not-text", "The name is no text", "SSC-32.6-SSSE.EF06-item-09"),
            ("sex-unknown", "性别 is no code", "SSC-32.6-SSSE.EF06-item-0A"),
            ("dir-short", "An application is missing in DIR", "SSC-32.3-DIR-03"),
        )
    ),
)  # fmt: skip
