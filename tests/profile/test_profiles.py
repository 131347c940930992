# SPDX-License-Identifier: Apache-2.0
"""Keys, choices and what tells the generations apart."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from sscard_chip.profile import Profile, SettlementMode, for_generation
from sscard_chip.profile.model import KeyUse, Provision, Structure
from tests.profile.tables import (
    GENERATIONS,
    OPTIONAL,
    WHOLE,
    files,
    name_of,
)


@GENERATIONS
def test_external_keys_grant_levels_of_their_own(profile: Profile) -> None:
    for directory in profile.directories:
        levels = Counter(k.kid & 0x0F for k in directory.keys if k.use is KeyUse.EXTERNAL)
        assert max(levels.values()) == 1, directory.short_name
        assert 0 not in levels


@GENERATIONS
def test_every_key_of_a_rule_is_on_the_card(profile: Profile) -> None:
    environment = {k.kid for k in profile.environment.keys if k.use is KeyUse.EXTERNAL}
    for directory, file in files(profile):
        own = {k.kid for k in directory.keys if k.use is KeyUse.EXTERNAL}
        for kid in {file.read.kid, file.write.kid} - {None}:
            assert kid in own, name_of(directory, file)
        assert all((kid >= 0x80) is (directory.fid >> 8 == 0xDF) for kid in own)
    assert environment <= set(range(1, 16))


@GENERATIONS
def test_tags_belong_to_one_file(profile: Profile) -> None:
    homes: dict[int, set[str]] = {}
    for directory, file in files(profile):
        for item in file.items:
            if file.structure is Structure.CYCLIC:
                assert item.tag == 0
                continue
            assert 0 < item.tag < 0xFF
            homes.setdefault(item.tag, set()).add(name_of(directory, file))
            subs = [sub.tag for sub in item.items]
            assert len(subs) == len(set(subs))
            for sub in subs:
                homes.setdefault(sub, set()).add(f"{name_of(directory, file)} {item.tag:02X}")
    shared = {tag: places for tag, places in homes.items() if len(places) > 1}
    assert set(shared) <= {0xE3, 0xE4, 0xE5, 0xE6, 0xE7}  # C3, C4 and C5 are alike


@GENERATIONS
def test_every_item_and_file_is_described(profile: Profile) -> None:
    for directory in profile.directories:
        assert directory.name
        assert directory.english
        assert directory.clause
        assert len(directory.label.encode("gbk")) <= 16
        for key in directory.keys:
            assert key.purpose
        fids = [file.fid for file in directory.files]
        assert fids == sorted(set(fids))
        for file in directory.files:
            assert file.name
            assert file.english
            assert file.clause
            for item in file.items:
                for one in (item, *item.items):
                    assert one.name
                    assert one.english
                    assert len(one.initial_value()) == one.length
                    assert all(len(code.encode("gbk")) <= 2 * one.length for code in one.codes)


def test_keys_of_generation_1() -> None:
    profile = for_generation(1)
    kids = {d.short_name: sorted(k.kid for k in d.keys) for d in profile.directories}
    assert kids == {
        "SSSE": [0, 2, 4, 5, 6],
        "DF01": list(range(0x82, 0x88)),
        "DF02": list(range(0x82, 0x88)),
        "DF03": list(range(0x82, 0x89)),
        "DF04": list(range(0x82, 0x87)),
    }
    offline = for_generation(1, settlement_mode=SettlementMode.OFFLINE).directory(0xDF04)
    added = [k.root for k in offline.keys if k not in profile.directory(0xDF04).keys]
    assert added == ["DLK", "DPK", "DTK", "DSK"]


def test_keys_of_generation_2() -> None:
    profile = WHOLE[2]
    roots = {d.short_name: [(k.root, k.kid) for k in d.keys] for d in profile.directories}
    assert roots["SSSE"] == [
        ("IRK", 0),
        ("STKSSSE", 2),
        ("UKSSSE", 4),
        ("BK", 5),
        ("PUK", 6),
        ("RKSSSE", 0x0A),
    ]
    assert ("UKBDF01", 0x8E) in roots["DF01"]
    assert ("RK1DF01", 0x88) in roots["DF01"]
    assert ("UK8DF03", 0x8D) in roots["DF03"]
    assert roots["DF07"][1:] == [
        *((f"RK{n}DF07", 0x82 + n) for n in (1, 2, 3)),
        *((f"UK{n}DF07", 0x85 + n) for n in (1, 2, 3)),
    ]
    assert WHOLE[3].root_keys == profile.root_keys
    assert profile.root_keys["MKMF"] == 1
    assert profile.root_keys["MKDF04"] == 1
    assert profile.root_keys["DPK"] == 3
    assert set(WHOLE[1].root_keys) <= set(profile.root_keys)


@GENERATIONS
def test_versions_and_tries(profile: Profile) -> None:
    once = {"BK", "PUK", "LKDF03", "LKDF04", "LKDF06"}
    for directory in profile.directories:
        for key in directory.keys:
            single = key.root.startswith("STK")
            assert key.single is single
            assert key.versions == (1 if single or key.root in once else 3)
            locks = key.use is KeyUse.EXTERNAL and not key.root.startswith(("BK", "LK"))
            assert key.retry_limit == (3 if locks else 0)


def test_what_tells_1_from_2() -> None:
    first, second = for_generation(1), for_generation(2)
    holder = first.environment.file(0xEF06)
    assert holder.items[2].tag == 0x0A
    assert holder.record_numbers(0x4E) == ()
    assert second.environment.file(0xEF06).record_numbers(0x4E) == (3,)
    assert 0xDF07 not in {d.fid for d in first.applications}
    assert 0xEF08 not in {f.fid for f in first.environment.files}
    assert first.environment.file(0xEF07).read.free
    assert all(key.kid != 0x0A for key in first.environment.keys)
    assert all(key.kid != 0x88 for key in first.directory(0xDF01).keys)
    pension = first.directory(0xDF03).file(0xEF07)
    assert (pension.read.pin, pension.read.both, pension.read.kid) == (True, True, 0x84)
    assert not second.directory(0xDF03).file(0xEF07).read.both
    assert first.directory(0xDF02).file(0xEF09).write.kid == 0x87
    assert second.directory(0xDF02).file(0xEF09).write.kid == 0x86
    lengths = {i.tag: i.length for _, f in files(first) for i in f.items}
    assert (lengths[0x8B], lengths[0x20]) == (0x0A, 0x01)
    assert first.directory(0xDF02).file(0xEF06).spare == 3


def test_what_tells_3_from_2() -> None:
    second, third = for_generation(2), for_generation(3)
    assert second.environment.file(0xEF06).read.free
    assert str(third.environment.file(0xEF06).read) == "key 0A"
    assert third.applications == second.applications
    assert (third.contactless, second.contactless) == (True, False)
    assert (third.announce_algorithm, second.announce_algorithm) == (True, False)
    assert third.algorithms == ("sm4", "3des")


@pytest.mark.parametrize(("generation", "version"), [(1, b"1.00"), (2, b"2.00"), (3, b"3.00")])
def test_initial_contents(generation: int, version: bytes) -> None:
    profile = for_generation(generation)
    assert profile.version.encode() == version
    issuer = [item.initial_value() for item in profile.environment.file(0xEF05).items]
    assert issuer == [b"\xff" * 16, b"3", version, b"\xff" * 12, b"\xff" * 4, b"\xff" * 4, bytes(9)]
    assert profile.directory(0xDF04).file(0xEF05).items[-1].initial_value() == b"1"
    offline = for_generation(generation, settlement_mode=SettlementMode.OFFLINE)
    assert offline.directory(0xDF04).file(0xEF05).items[-1].initial_value() == b"2"
    degree = WHOLE[2].directory(0xDF01).file(0xEF15).items[1]
    assert degree.initial_value() == bytes.fromhex("5703 000000 5803 FFFFFF 5928") + bytes(0x28)


@pytest.mark.parametrize(
    ("mode", "with_account", "fids"),
    [
        (SettlementMode.ONLINE, False, [0xEF05, 0xEF06]),
        (SettlementMode.OFFLINE, False, [0xEF05, 0xEF08, 0xEF81]),
        (SettlementMode.ONLINE, True, [0xEF05, 0xEF06, 0xEF08, 0xEF81]),
    ],
)
def test_settlement_mode_of_generation_1(
    mode: SettlementMode, with_account: bool, fids: list[int]
) -> None:
    profile = for_generation(1, settlement_mode=mode, with_account=with_account)
    assert [file.fid for file in profile.directory(0xDF04).files] == fids
    assert profile.settlement_mode is mode


def test_generation_1_has_no_temporary_offline_settlement() -> None:
    with pytest.raises(ValueError, match="settlement_mode: temporary off-line"):
        for_generation(1, settlement_mode=SettlementMode.TEMPORARY_OFFLINE)


@pytest.mark.parametrize("generation", [2, 3])
def test_temporary_settlement_starts_in_mode_2_alone(generation: int) -> None:
    for mode in SettlementMode:
        file = for_generation(generation, settlement_mode=mode).directory(0xDF04).file(0xEF06)
        values = [item.initial_value() for item in file.items]
        used = mode is SettlementMode.TEMPORARY_OFFLINE
        assert values == ([b"0", bytes(4), b"00"] if used else [b"\0", b"\xff" * 4, bytes(2)])


@pytest.mark.parametrize("generation", [2, 3])
@pytest.mark.parametrize("mode", SettlementMode)
def test_amount_file_is_there_in_every_mode(generation: int, mode: SettlementMode) -> None:
    files = for_generation(generation, settlement_mode=mode).directory(0xDF04).files
    assert [file.fid for file in files] == [0xEF05, 0xEF06, 0xEF08, 0xEF15, 0xEF81]
    assert files[-1].structure is Structure.AMOUNT
    assert files[-1].read.never
    assert files[-1].write.never


def test_account_only_records() -> None:
    for generation in (1, 2, 3):
        profile = for_generation(generation, with_account=True, account_only=True)
        assert profile.directory(0xDF04).file(0xEF08).record_length == 20
        profile = for_generation(generation, with_account=True)
        assert profile.directory(0xDF04).file(0xEF08).record_length == 28


def test_inferred_items_can_be_left_out() -> None:
    profile = for_generation(1, inferred_items=False)
    tags = {item.tag for _, file in files(profile) for item in file.items}
    assert not tags & {0x26, 0x27, 0x31, 0x68, 0x6D, 0x72}
    dropped = {i.tag for _, f in files(for_generation(1)) for i in f.items} - tags
    assert dropped == {0x26, 0x27, 0x31, 0x68, 0x6D, 0x72}
    assert for_generation(2, inferred_items=False) == for_generation(2)


def test_provision() -> None:
    preset = {name_of(d, f) for d, f in files(WHOLE[2]) if f.provision is Provision.PRESET}
    assert preset == {"SSSE 07", "SSSE 08", "DF02 05", "DF07 05", "DF07 06", "DF07 07"}
    reserved = [f for _, f in files(WHOLE[2]) if f.provision is Provision.RESERVED]
    assert [f.fid for f in reserved] == [0xEF16, 0xEF17, 0xEF18, 0xEF19, 0xEF1A]
    assert all(f.read.free and f.size == 0x128 for f in reserved)


def test_names_of_directories() -> None:
    names = {d.short_name: d.df_name for d in WHOLE[3].directories}
    assert names["SSSE"] == "sx1.sh.社会保障".encode("gbk")
    for number, name in enumerate(("DF01", "DF02", "DF03", "DF04", "DF07")):
        assert names[name] == bytes.fromhex(f"D1560000050{number}")
    assert len(set(names.values())) == len(names)
    assert all(5 <= len(name) <= 16 for name in names.values())
    for generation in (1, 2, 3):
        assert {d.fid for d in for_generation(generation).directories}.isdisjoint(OPTIONAL)
        prefix = WHOLE[generation].historical_prefix
        assert (len(prefix), prefix[5]) == (7, 0x86)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generation": 4}, "generation: must be 1, 2 or 3"),
        ({"generation": 2, "optional": (0xDF07,)}, "optional: only DF05 and DF06 are optional"),
        ({"generation": 2, "registration_date_in": 0xDF04}, "registration_date_in: must be DF02"),
        ({"generation": 1, "registration_date_in": 0xDF03}, "generation 1 has tag 60 in DF02"),
        ({"generation": 1, "account_only": True}, "no EF08 in the on-line mode"),
    ],
)
def test_impossible_choices(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        for_generation(**arguments)  # type: ignore[arg-type]


def test_unknown_directory_and_file() -> None:
    with pytest.raises(KeyError, match="DF09"):
        WHOLE[1].directory(0xDF09)
    with pytest.raises(KeyError, match="EF08"):
        WHOLE[1].environment.file(0xEF08)


def test_import_is_cheap() -> None:
    code = (
        "import sys, sscard_chip.profile\n"
        "print(sorted(m for m in sys.modules if m.startswith('sscard_chip.profile')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "['sscard_chip.profile', 'sscard_chip.profile.model']"
