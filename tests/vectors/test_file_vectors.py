# SPDX-License-Identifier: Apache-2.0
"""``vectors/files``: every EF of every generation, its declaration and its bytes on a card.

The vectors come from their own transcription and encoder (``vectors/make_files.py``), so a
profile, the encoding of values, issuing and the file system are tested against something else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.card import Card
from sscard_chip.profile import for_generation
from sscard_chip.profile.codec import decode_template, decode_value, encode_value
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    KeyUse,
    Structure,
)
from sscard_chip.security.suite import DES, SM4_SUITE
from sscard_chip.standard.commands import (
    EXTERNAL_AUTHENTICATE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
)
from tests.bench.issued import GENERATIONS
from tests.vectors.cards import (
    SERIAL,
    VECTORS,
    card,
    card_keys,
    holder_values,
    load,
    roots,
)
from tests.vectors.schema import errors

Vector = dict[str, Any]
SELECT_SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
LINEAR = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)


def vectors(generation: int) -> dict[tuple[str, str], Vector]:
    found: dict[tuple[str, str], Vector] = {}
    for directory, files in load(f"files/generation{generation}.json")["directories"].items():
        for file in files:
            assert (directory, file["fid"]) not in found
            found[directory, file["fid"]] = file
    return found


def short(directory: DirectoryDeclaration) -> str:
    return "SSSE" if directory.fid == 0xDDF1 else f"{directory.fid:04X}"


def declared(
    generation: int,
) -> dict[tuple[str, str], tuple[DirectoryDeclaration, FileDeclaration]]:
    return {
        (short(directory), f"{file.fid:04X}"): (directory, file)
        for directory in for_generation(generation).directories
        for file in directory.files
    }


FILES = [
    pytest.param(generation, directory, fid, id=f"{generation}-{directory}-{fid}")
    for generation in GENERATIONS
    for directory, fid in vectors(generation)
]


@pytest.fixture(scope="module")
def make_files() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_files", VECTORS / "make_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("generation", GENERATIONS)
def test_file_follows_its_schema(generation: int) -> None:
    document = load(f"files/generation{generation}.json")
    assert errors(document, load("schema/files.json")) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_vectors_are_what_their_tables_give(generation: int, make_files: ModuleType) -> None:
    assert load(f"files/generation{generation}.json") == make_files.vectors(generation)
    assert load(f"holders/generation{generation}.json") == make_files.holder(generation)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_file_of_a_profile_has_a_vector_and_the_other_way_round(generation: int) -> None:
    assert sorted(vectors(generation)) == sorted(declared(generation))


@pytest.mark.parametrize(("generation", "directory", "fid"), FILES)
def test_declaration(generation: int, directory: str, fid: str) -> None:
    """Structure, rights, items and sizes of the profile are those of the published tables."""
    vector = vectors(generation)[directory, fid]
    file = declared(generation)[directory, fid][1]
    assert file.structure.value == vector["structure"]
    assert (str(file.read), str(file.write)) == (vector["read"], vector["write"])
    if file.structure is Structure.TRANSPARENT:
        assert file.size == vector["size"]
    elif file.structure is Structure.CYCLIC:
        assert file.records >= vector["records"]
        shape = [(item.format.value, item.length) for item in file.items]
        assert shape == [(field["format"], field["length"]) for field in vector["fields"]]
    elif file.structure in LINEAR:
        assert [described(item) for item in file.items] == [
            shape_of(record) for record in vector["records"]
        ]
        assert file.content_size == vector["size"]


def described(item: Item) -> tuple[Any, ...]:
    nested = [described(inner) for inner in item.items]
    return (f"{item.tag:02X}", item.format.value, item.length, item.inferred, nested)


def shape_of(record: Vector) -> tuple[Any, ...]:
    nested = [shape_of(inner) for inner in record.get("items", ())]
    inferred = record.get("inferred", False)
    return (record["tag"], record["format"], record["length"], inferred, nested)


@pytest.mark.parametrize(("generation", "directory", "fid"), FILES)
def test_coding_of_values(generation: int, directory: str, fid: str) -> None:
    """The project's codec gives the bytes of the vectors, and reads their values back."""
    vector = vectors(generation)[directory, fid]
    file = declared(generation)[directory, fid][1]
    if file.structure in LINEAR:
        for item, record in zip(file.items, vector["records"], strict=True):
            assert_coding(item, record, bytes.fromhex(record["bytes"])[2:])
    elif file.structure is Structure.CYCLIC:
        start, raw = 0, bytes.fromhex(vector["bytes"])
        for item, field in zip(file.items, vector["fields"], strict=True):
            assert_coding(item, field, raw[start : start + item.length])
            start += item.length
        assert start == len(raw)
    elif file.structure is Structure.TRANSPARENT:
        assert len(bytes.fromhex(vector["bytes"])) <= file.size


def assert_coding(item: Item, vector: Vector, expected: bytes) -> None:
    if vector["format"] == Format.BTLV.value:
        assert decode_template(item, expected) == value_of(vector)
    else:
        assert decode_value(item, expected) == vector["value"]
    # 卡识别码 holds the RID D156000005: a cn item whose value is not digits alone.
    if vector.get("tag") != "01":
        assert encode_value(item, value_of(vector)) == expected


def value_of(vector: Vector) -> Any:
    if vector["format"] == Format.BTLV.value:
        return {inner["tag"]: value_of(inner) for inner in vector["items"]}
    return vector["value"]


# --- on a card ----------------------------------------------------------------------------------


class Terminal:
    """A card with every right that a directory can give, at the level of whole answers."""

    def __init__(self, card: Card, generation: int) -> None:
        self.card = card
        self.profile = for_generation(generation)
        self.suite = SM4_SUITE if generation == 3 else DES
        self.keys = card_keys(generation, card.power_on())
        self.pin = bytes.fromhex(holder_values(generation)["pin"])

    def send(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        assert answer[-2:] == b"\x90\x00", f"{command[:5].hex()}: {answer[-2:].hex()}"
        return answer[:-2]

    def enter(self, directory: DirectoryDeclaration) -> None:
        self.send(SELECT_SSSE)
        self.send(VERIFY.apdu(data=self.pin))
        if directory.fid != 0xDDF1:
            self.send(SELECT.apdu(data=directory.fid.to_bytes(2, "big")))

    def authenticate(self, directory: DirectoryDeclaration, kid: int) -> None:
        root = next(k.root for k in directory.keys if k.kid == kid and k.use is KeyUse.EXTERNAL)
        challenge = self.send(bytes.fromhex("0084000008"))
        encrypt = self.suite.encryptor(self.keys(root, 1))
        session = self.suite.session(self.suite.session_key(encrypt, challenge))
        original = bytes(range(8))
        data = session.authentication_data(original) + original
        self.send(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data))

    def select(self, file: FileDeclaration) -> None:
        self.send(SELECT.apdu(0x02, data=file.fid.to_bytes(2, "big")))

    def records(self, file: FileDeclaration) -> Iterator[bytes]:
        for number in range(1, len(file.items) + 1):
            yield self.send(READ_RECORD.apdu(number, 0x04, le=0x00))


@pytest.fixture(scope="module", params=GENERATIONS)
def issued(request: pytest.FixtureRequest) -> tuple[int, Terminal]:
    """A card that was issued with the sample values."""
    return request.param, Terminal(card(request.param), request.param)


@pytest.fixture(scope="module", params=GENERATIONS)
def written(request: pytest.FixtureRequest) -> tuple[int, Terminal]:
    """A card that holds none of the sample values outside SSSE."""
    document = load(f"holders/generation{request.param}.json")
    memory = issue_card(
        request.param, roots(), Holder.from_object(document | {"files": {}}), serial=SERIAL
    )
    return request.param, Terminal(Card(memory), request.param)


def test_an_issued_card_holds_the_bytes(issued: tuple[int, Terminal]) -> None:
    generation, terminal = issued
    for (name, fid), (directory, file) in declared(generation).items():
        vector = vectors(generation)[name, fid]
        if file.read.never:
            continue
        terminal.enter(directory)
        if file.read.kid is not None:
            terminal.authenticate(directory, file.read.kid)
        terminal.select(file)
        where = f"{name} {fid}"
        if file.structure in LINEAR:
            found = [record.hex().upper() for record in terminal.records(file)]
            assert mask(name, fid, found) == mask(
                name, fid, [record["bytes"] for record in vector["records"]]
            ), where
        elif file.structure is Structure.CYCLIC:
            assert terminal.send(bytes.fromhex("00B2010400")).hex().upper() == vector["bytes"], (
                where
            )
        else:
            expected = bytes.fromhex(vector["bytes"])
            read = terminal.send(READ_BINARY.apdu(le=len(expected) + 4))
            assert read == expected + bytes(4), where


def mask(directory: str, fid: str, records: list[str]) -> list[str]:
    """Without what the issuer computes: 卡识别码 and 初始化机构编号 of EF05."""
    return records[1:3] + records[4:] if (directory, fid) == ("SSSE", "EF05") else records


def test_a_card_takes_the_bytes(written: tuple[int, Terminal]) -> None:
    """UPDATE with the file's key, then READ; what nobody may write is refused."""
    generation, terminal = written
    for (name, fid), (directory, file) in declared(generation).items():
        vector = vectors(generation)[name, fid]
        if file.write.never or not vector.get("records", True):
            continue
        terminal.enter(directory)
        assert file.write.kid is not None
        terminal.authenticate(directory, file.write.kid)
        terminal.select(file)
        if file.structure in LINEAR:
            raw = [bytes.fromhex(record["bytes"]) for record in vector["records"]]
            for number, record in enumerate(raw, 1):
                terminal.send(UPDATE_RECORD.apdu(number, 0x04, record))
        elif file.structure is Structure.CYCLIC:
            raw = [bytes.fromhex(vector["bytes"])]
            terminal.send(UPDATE_RECORD.apdu(p2=0x03, data=raw[0]))
        else:
            raw = [bytes.fromhex(vector["bytes"])]
            terminal.send(UPDATE_BINARY.apdu(data=raw[0]))
        if file.read.kid is not None:
            terminal.authenticate(directory, file.read.kid)
        if file.structure is Structure.TRANSPARENT:
            assert terminal.send(READ_BINARY.apdu(le=len(raw[0]))) == raw[0]
        elif file.structure is Structure.CYCLIC:
            assert terminal.send(bytes.fromhex("00B2010400")) == raw[0]
        else:
            assert list(terminal.records(file)) == raw
