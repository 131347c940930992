# SPDX-License-Identifier: Apache-2.0
"""A DF has a medical account when it has the amount file and EF08, and then alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from issuance.holder import Holder, HolderError
from issuance.personalise import issue_card
from issuance.roots import create_roots
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.profile.local import load_local_file
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Item
from tests.bench.issued import HOLDER

PIN = "123456"
COMMANDS = (
    "B028010113 01" + "00" * 18,
    "B02800010B 01" + "00" * 10,
    "B026000104",
    "B02E003202 0000",
    "B056010002",
    "B056000002 0101",
)


def without(fid: int) -> Callable[[DirectoryDeclaration], DirectoryDeclaration]:
    return lambda df: replace(df, files=tuple(file for file in df.files if file.fid != fid))


def shaped(
    change: Callable[[FileDeclaration], FileDeclaration],
) -> Callable[[DirectoryDeclaration], DirectoryDeclaration]:
    return lambda df: df.with_files(change(df.file(0xEF08)))


def last_item(length: int) -> Callable[[FileDeclaration], FileDeclaration]:
    """EF08 whose last field is longer or shorter: records of 24 + ``length`` bytes."""

    def change(file: FileDeclaration) -> FileDeclaration:
        *fields, last = file.items
        items: tuple[Item, ...] = (*fields, replace(last, length=length))
        return replace(file, items=items)

    return change


def changed(change: Callable[[DirectoryDeclaration], DirectoryDeclaration]) -> Profile:
    profile = for_generation(2)
    applications = (change(d) if d.fid == 0xDF04 else d for d in profile.applications)
    return replace(profile, applications=tuple(applications))


def issue(profile: Profile, **fields: object) -> Memory:
    holder = Holder.from_object({**HOLDER, "pin": PIN, **fields})
    return issue_card(2, create_roots(extra=[profile]), holder, profile=profile)


def answers(card: Card, directory: str) -> set[int]:
    """What the commands of the account answer in a DF, before and after VERIFY."""
    card.power_on()
    for command in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", f"00A4000002{directory}"):
        assert card.transmit(bytes.fromhex(command))[-2:-1] in (b"\x90", b"\x61")
    found = {card.transmit(bytes.fromhex(command))[-2:] for command in COMMANDS}
    assert card.transmit(bytes.fromhex(f"0020000003{PIN}")) == b"\x90\x00"
    found |= {card.transmit(bytes.fromhex(command))[-2:] for command in COMMANDS}
    return {int.from_bytes(sw) for sw in found}


def accounts(card: Card) -> list[str]:
    return [directory.fid for directory in inspect_card(card).directories if directory.account]


@pytest.mark.parametrize(
    "change",
    [without(0xEF08), without(0xEF81), shaped(last_item(5)), shaped(last_item(3))],
    ids=["amount file alone", "EF08 alone", "records of 29 bytes", "records of 27 bytes"],
)
def test_one_without_the_other_is_no_account(
    change: Callable[[DirectoryDeclaration], DirectoryDeclaration],
) -> None:
    card = Card(issue(changed(change)))
    assert answers(card, "DF04") == {0x6985}
    assert accounts(card) == []


@pytest.mark.parametrize("fid", [0xEF08, 0xEF81])
def test_nobody_is_given_an_account_there(fid: int) -> None:
    with pytest.raises(HolderError, match="this card's profile has no medical account"):
        issue(changed(without(fid)), account={"balance_fen": 100})


def test_both_are_an_account() -> None:
    card = Card(issue(for_generation(2)))
    assert 0x6985 not in answers(card, "DF04")
    assert accounts(card) == ["DF04"]


def test_a_ring_under_ef08_of_a_region_is_its_own(tmp_path: Path) -> None:
    """A region may have EF08 in a DF of its own, of 28 bytes even; money stays in DF04."""
    path = tmp_path / "local.toml"
    path.write_text(
        """
format = "sscard-local-files/1"
[[directory]]
fid = "DF0A"
name = "本地应用"
df_name = "D156000005FF0A"
[[file]]
directory = "DF0A"
fid = "EF08"
name = "本地明细"
structure = "cyclic"
read = "free"
write = "PIN"
records = 30
item = [{ name = "内容", format = "b", length = 28 }]
""",
        encoding="utf-8",
    )
    card = Card(issue(for_generation(2, local_files=[load_local_file(path)])))
    assert answers(card, "DF0A") == {0x6985}
    assert accounts(card) == ["DF04"]
