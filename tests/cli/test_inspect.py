# SPDX-License-Identifier: Apache-2.0
"""The description of a card: every declared thing is on it, named and decoded."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from issuance.pytest_plugin import IssueCard
from sscard_chip import Card
from sscard_chip.filesystem.layout import format_memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.contents import CardContents, DecodedItem, FileContents
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.profile.local import parse_local_file
from sscard_chip.profile.model import Profile, Structure
from sscard_chip.profile.reuse import reuse_value
from tests.bench.issued import GENERATIONS

SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


def whole(generation: int) -> Profile:
    return for_generation(generation, optional=(0xDF05, 0xDF06), with_account=True)


def file_of(contents: CardContents, directory: str, fid: str) -> FileContents:
    (found,) = [d for d in contents.directories if d.fid == directory]
    return next(file for file in found.files if file.fid == fid)


def value_of(contents: CardContents, directory: str, fid: str, tag: str) -> DecodedItem:
    values = itertools.chain(*file_of(contents, directory, fid).records)
    return next(value for value in values if value.tag == tag)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_declared_file_is_there_with_its_names_and_rights(
    generation: int, issue_sscard: IssueCard
) -> None:
    profile = whole(generation)
    contents = inspect_card(issue_sscard(generation, profile=profile))
    assert contents.generation == generation
    for directory in profile.directories:
        for declared in directory.files:
            if declared.structure is Structure.AMOUNT:
                continue
            file = file_of(contents, f"{directory.fid:04X}", f"{declared.fid:04X}")
            assert (file.name, file.english) == (declared.name, declared.english)
            assert file.structure == declared.structure.value
            assert (file.read, file.write) == (str(declared.read), str(declared.write))
            if declared.structure in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE):
                shown = [record[0].name for record in file.records]
                assert shown == [item.name for item in declared.items]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_declared_key_is_there_with_its_counters(
    generation: int, issue_sscard: IssueCard
) -> None:
    profile = whole(generation)
    contents = inspect_card(issue_sscard(generation, profile=profile))
    for directory, shown in zip(profile.directories, contents.directories[1:], strict=True):
        keys = {key.name: key for key in shown.keys}
        assert len(keys) == len(directory.keys)
        for declared in directory.keys:
            key = keys[declared.root]
            assert key.versions == tuple(range(1, declared.versions + 1))
            assert key.limit == declared.retry_limit
            assert key.tries == (declared.retry_limit,) * (
                declared.versions if declared.retry_limit else 0
            )
            assert key.kid in ("index", f"{declared.kid:02X}")


def test_coded_values_templates_and_cyclic_records_are_decoded(issue_sscard: IssueCard) -> None:
    files = {
        "DF01": {"EF15": {"2A": "21", "40": [{"57": "4", "58": "020101"}]}},
        "DF04": {"EF15": [["0007", "1"], ["0006", "9"]]},
    }
    contents = inspect_card(issue_sscard(2, files=files))
    assert value_of(contents, "DDF1", "EF06", "0A").meaning == "男"
    degree = value_of(contents, "DF01", "EF15", "40")
    assert degree.text == ""
    assert [(item.tag, item.text) for item in degree.items][:2] == [("57", "4"), ("58", "020101")]
    special = file_of(contents, "DF04", "EF15")
    assert [[value.text for value in record] for record in special.records] == [
        ["0007", "1"],
        ["0006", "9"],
    ]


@pytest.mark.parametrize("account_only", [False, True])
def test_the_account_shows_balance_totals_and_log(
    account_only: bool, issue_sscard: IssueCard
) -> None:
    profile = for_generation(2, account_only=account_only)
    record = "0007" + "32" + "330100000001" + "20251118185001" + "00000064"
    if not account_only:
        record += "000000C8" + "0000012C"
    account = {"balance_fen": 12345, "purchase_counter": 8, "year": "2025", "starting_day": "0229"}
    card = issue_sscard(2, profile=profile, account=account)
    log = next(d.files[0xEF08] for d in card.files.directories if d.fid == 0xDF04)
    log.stage_append(bytes.fromhex(record))  # type: ignore[attr-defined]
    card.files.memory.commit()
    (shown,) = [d.account for d in inspect_card(card).directories if d.account]
    assert shown.balance_fen == 12345
    assert (shown.year, shown.starting_day) == ("2025", "0229")
    assert shown.purchase_counter == 8
    assert shown.account_only is account_only
    (entry,) = shown.log
    assert (entry.number, entry.kind, entry.terminal) == (7, "purchase", "330100000001")
    assert entry.time == "2025-11-18 18:50:01"
    amounts = (entry.account_fen, entry.self_paid_fen, entry.pooled_fen)
    assert amounts == ((100, 0, 0) if account_only else (100, 200, 300))


def test_a_local_file_is_raw_until_it_is_declared(issue_sscard: IssueCard) -> None:
    local = parse_local_file(
        {
            "format": "sscard-local-files/1",
            "file": [
                {
                    "directory": "SSSE",
                    "fid": "EF0C",
                    "name": "本地",
                    "structure": "linear variable",
                    "read": "free",
                    "write": "key 04",
                    "item": [{"tag": "EA", "name": "编号", "format": "cn", "length": 2}],
                }
            ],
        }
    )
    profile = for_generation(3, local_files=[local])
    card = issue_sscard(3, profile=profile, files={"SSSE": {"EF0C": {"EA": "1234"}}})
    raw = value_of(inspect_card(card), "DDF1", "EF0C", "EA")
    assert (raw.name, raw.text) == ("", "1234")
    known = value_of(inspect_card(card, local_files=[local]), "DDF1", "EF0C", "EA")
    assert (known.name, known.text) == ("编号", "1234")


def test_a_reused_tag_of_generation_1_shows_its_later_meaning(issue_sscard: IssueCard) -> None:
    card = issue_sscard(1)
    file = next(d.files[0xEF05] for d in card.files.directories if d.fid == 0xDF04)
    number = file.numbers(0x84)[0]  # type: ignore[attr-defined]
    later = reuse_value(0xDF04, 0xEF05, 0x84, bytes.fromhex("330106"))
    file.stage_update(number, bytes((0x84, len(later))) + later)  # type: ignore[attr-defined]
    card.files.memory.commit()
    shown = value_of(inspect_card(card), "DF04", "EF05", "84")
    new = next(i for i in for_generation(2).directory(0xDF04).file(0xEF05).items if i.tag == 0x84)
    assert (shown.name, shown.text) == (new.name, "330106")


def test_a_locked_pin_and_a_blocked_application_show(issue_sscard: IssueCard) -> None:
    card = issue_sscard(2)
    card.transmit(SSSE)
    for _ in range(6):
        card.transmit(bytes.fromhex("0020000003999999"))
    directory = next(d for d in card.files.directories if d.fid == 0xDF02)
    directory.stage_block()
    card.files.memory.commit()
    contents = inspect_card(card)
    by_fid = {d.fid: d for d in contents.directories}
    pin = by_fid["DDF1"].pin
    assert pin is not None
    assert (pin.tries, pin.limit, pin.is_set) == (0, 6, True)
    assert [fid for fid, d in by_fid.items() if d.blocked] == ["DF02"]


def test_a_card_without_known_version_is_described_raw(
    issue_sscard: IssueCard, tmp_path: Path
) -> None:
    card = issue_sscard(2)
    file = next(d.files[0xEF05] for d in card.files.directories if d.fid == 0xDDF1)
    file.stage_update(3, b"\x03\x049.99")  # type: ignore[attr-defined]
    card.files.memory.commit()
    contents = inspect_card(Card(card.image()))
    assert (contents.generation, contents.version) == (None, "9.99")
    shown = value_of(contents, "DDF1", "EF05", "03")
    assert (shown.name, shown.text) == ("", b"9.99".hex().upper())


def test_a_blank_card_has_no_generation() -> None:
    memory = format_memory(4096, historical_bytes=bytes(13))
    contents = inspect_card(Card(memory))
    assert (contents.generation, contents.directories) == (None, ())
    assert contents.life_cycle == "development"
