# SPDX-License-Identifier: Apache-2.0
"""What a batch makes is what single issuance makes, and what the holders are."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from issuance.batch.container import Container, ContainerError
from issuance.batch.export import export_card
from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from sscard_chip.filesystem.files import LinearFile
from sscard_chip.profile import for_generation
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.terminal.script import run_script
from tests.batch.conftest import TODAY, Person, RunBatch, people, rows_of
from tests.vectors.cards import SCRIPTS, card_keys, roots

# SSCARD_FULL_BATCH=1: as many cards as an issuer orders, and the scripts on every sampled card.
FULL = bool(os.environ.get("SSCARD_FULL_BATCH"))
COUNT = 10_000 if FULL else 2000
SAMPLE = 200
SCRIPT_SAMPLE = SAMPLE if FULL else 2
TEXTS = (0x02, 0x03, 0x07, 0x08, 0x09, 0x4E, 0x0A)
ADDRESSES = {"DF01.EF05.21": "虚构省示例市测试区一号路12号"}


def values_on(card: Card) -> dict[str, str]:
    """Values of issuer and holder by tag, text where it is text."""
    ssse = next(d for d in card.files.directories if d.fid == 0xDDF1)
    found = {}
    for fid in (0xEF05, 0xEF06):
        file = ssse.files[fid]
        assert isinstance(file, LinearFile)
        for number in range(1, file.count + 1):
            tag, _, *value = file.record(number)
            text = bytes(value).rstrip(b"\0").decode("gbk") if tag in TEXTS else bytes(value).hex()
            found[f"{tag:02X}"] = text.upper()
    return found


def holder_of(person: Person) -> Holder:
    return Holder.from_object(
        {name: value for name, value in person.items() if "." not in name}
        | {"files": {"DF01": {"EF05": {k[-2:]: v for k, v in ADDRESSES.items()}}}},
        today=TODAY,
    )


@pytest.mark.timeout(1800 if FULL else 300)
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_every_card_opens_and_a_sample_is_right(
    generation: int, run_batch: RunBatch, tmp_path: Path
) -> None:
    persons = [person | ADDRESSES for person in people(COUNT, seed=generation)]
    summary = run_batch(persons, generation=generation)
    assert (summary.cards, summary.rejected, summary.state) == (COUNT, 0, "finished")
    returned = rows_of(tmp_path / "out" / "return.csv")
    assert [row["card_number"] for row in returned] == [p["card_number"] for p in persons]
    assert len({row["atr"] for row in returned}) == COUNT
    cards = [
        container.memory(index)
        for path in sorted((tmp_path / "out" / "images").iterdir())
        for container in [Container.open(path)]
        for index in range(len(container))
    ]
    assert [Card(memory).atr.hex().upper() for memory in cards] == [row["atr"] for row in returned]
    drawn = random.Random(generation)
    for number, index in enumerate(drawn.sample(range(COUNT), SAMPLE)):
        person, row, memory = persons[index], returned[index], cards[index]
        serial = bytes.fromhex(row["atr"])[-4:]
        single = issue_card(generation, roots(), holder_of(person), serial=serial)
        assert memory.cells == single.cells
        on_card = values_on(Card(memory))
        assert on_card["07"] == person["card_number"] == row["card_number"]
        assert on_card["08"] == person["social_security_number"] == row["social_security_number"]
        assert on_card["09"] + on_card.get("4E", "") == person["name"] == row["name"]
        assert on_card["01"] == row["card_id_code"]
        assert [on_card[tag] for tag in ("0A", "0B", "0C", "0D")] == [
            person[name] for name in ("sex", "nation", "birthplace", "birth_date")
        ]
        assert row["issue_date"] == on_card["05"] == "20260701"
        assert row["expiry_date"] == on_card["06"] == "20360701"
        if number < SCRIPT_SAMPLE:
            play_all(Card(memory), generation, person, row)


def play_all(card: Card, generation: int, person: Person, row: dict[str, str]) -> None:
    """All exchange scripts for this generation's contacts, each on a fresh copy."""
    values = person | {
        "version": f"{generation}.00",
        "name_first": person["name"],
        "name_extension": "",
        "issue_date": row["issue_date"],
        "expiry_date": row["expiry_date"],
        "card_class": "3",
        "pin": "123456",
    }
    played = 0
    for script in SCRIPTS.values():
        if "contact" not in script.interfaces or script.requires:
            continue
        connection = ContactInterface(Card(card.image()))
        connection.power_on()
        result = run_script(
            script,
            connection,
            generation=generation,
            keys=card_keys(generation, connection.atr),
            holder=values,
        )
        assert result.passed, result.report()
        played += 1
    assert played > 25


def test_all_that_a_row_can_bring_lands_as_in_single_issuance(
    run_batch: RunBatch, tmp_path: Path
) -> None:
    photo = b"\xff\xd8\xff\xe0" + bytes(range(200))
    (tmp_path / "a.jpg").write_bytes(photo)
    (tmp_path / "a.fpt").write_bytes(b"\x01\x02\x03")
    persons = people(3)
    persons[1] |= {
        "name": "欧阳测试的一个特别特别长的名字续写部分",
        "photo": "a.jpg",
        "fingerprint": "a.fpt",
        "pin": "97531",
        "card_class": "2",
        "account.balance_fen": "123456",
        "account.year": "2026",
        "DF01.EF16": "A1B2",
        "DF02.EF09.56": "示例市就业服务中心",
    }
    assert run_batch(persons).cards == 3
    for person in persons:
        memory = export_card(tmp_path / "out", person["card_number"])
        document: dict[str, object] = {k: v for k, v in person.items() if "." not in k}
        if document.pop("photo", None):
            document.pop("fingerprint")
            document["account"] = {"balance_fen": 123456, "year": "2026"}
            document["files"] = {
                "SSSE": {"EF07": {"path": "a.fpt"}, "EF08": {"path": "a.jpg"}},
                "DF01": {"EF16": "A1B2"},
                "DF02": {"EF09": {"56": "示例市就业服务中心"}},
            }
        holder = Holder.from_object(document, today=TODAY, folder=tmp_path)
        serial = Card(memory).historical_bytes[-4:]
        assert memory.cells == issue_card(3, roots(), holder, serial=serial).cells


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_rings_are_patched_as_the_card_appends(generation: int) -> None:
    from issuance.batch.cards import CardOrder, make_cards
    from issuance.batch.container import encode_container
    from issuance.batch.template import Template
    from issuance.values import Contents, add_files

    profile = for_generation(generation)
    fields = profile.directory(0xDF02).file(0xEF07).items
    assert fields
    template = Template(profile, profile.algorithms[0])
    orders = []
    for count in range(4):
        records = [{"1": "1" * count} for _ in range(count)] if count else []
        holder = replace(
            holder_of(people(1)[0]), files={"DF02": {"EF07": records}} if count else {}
        )
        contents = Contents()
        add_files(contents, profile, holder)
        orders.append(CardOrder(holder, count.to_bytes(4), contents))
    container = Container(encode_container(template, make_cards(template, roots(), orders)))
    for index, order in enumerate(orders):
        single = issue_card(generation, roots(), order.holder, serial=order.serial, profile=profile)
        assert container.memory(index).cells == single.cells


def test_a_damaged_container_is_refused(run_batch: RunBatch, tmp_path: Path) -> None:
    run_batch(people(2))
    path = tmp_path / "out" / "images" / "000001.sscards"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ContainerError, match=r"000001\.sscards: the container is damaged"):
        export_card(tmp_path / "out", people(2)[0]["card_number"])


def test_the_return_file_tells_the_card_and_not_the_request(
    run_batch: RunBatch, tmp_path: Path
) -> None:
    """What stands in the image stands in the return file: seen by changing an image's column."""
    from issuance.batch.returnfile import read_back
    from issuance.batch.template import Template

    run_batch(people(2))
    content = (tmp_path / "out" / "images" / "000001.sscards").read_bytes()
    number = people(2)[0]["card_number"].encode()
    import zlib

    changed = content[:-4].replace(number, b"Z00000101")
    container = Container(changed + zlib.crc32(changed).to_bytes(4))
    first = read_back(Template(for_generation(3), "sm4"), container)[0]
    assert first.card_number == "Z00000101"
