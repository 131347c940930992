# SPDX-License-Identifier: Apache-2.0
"""What a PSAM is made of: its level's keys, its files, and the requests that are refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from issuance.psam import OwnKeys, PsamError, make_psam
from issuance.roots import RootKeys
from sscard_chip.applications.psam.keys import KEY_FILES, KeyType, SamKeys
from sscard_chip.card import Card
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.psam_keys import KEYS, SamKeyRow, key_file
from sscard_chip.security.keystore import KeyStoreError
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.bench.sam import ACCESS, MASTER, SELECT_DF01, Sam

TERMINAL = "330106000001"


def keys_of(memory: Memory, algorithm: str = "3des") -> SamKeys:
    files = FileSystem(memory)
    wanted = 0x3F00 if algorithm == "3des" else 0xDDF2
    environment = next(d for d in files.directories if d.fid == wanted)
    return SamKeys(environment.directories[0])


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_every_key_has_its_level_use_and_file(level: int, algorithm: str) -> None:
    memory = make_psam(roots(), level=level, terminal_id=TERMINAL)
    keys = keys_of(memory, algorithm)
    for row in KEYS:
        identifiers = (1, 2, 3) if row.type is KeyType.PURCHASE else (row.identifier,)
        for identifier in identifiers:
            key = keys.find(row.type, identifier)
            assert key is not None, row
            assert key.use == (4 - level) << 5 | row.type
            file = keys.files[key_file(row)]
            assert file.body <= key.offset < file.body + file.size


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_keys_of_every_level_lead_to_the_same_card(level: int, algorithm: str) -> None:
    """In Zhejiang too, whose cities' factors have 00 in place of the county."""
    chain = (b"330000sh", b"330100sx", b"any card")
    card = roots().diversify(algorithm, "RKSSSE", 1, [chain])[0]
    held = keys_of(make_psam(roots(), level=level, terminal_id=TERMINAL), algorithm).find(
        KeyType.ENCRYPTION, 0x0A
    )
    assert held is not None
    assert held.derive(list(reversed(chain[level - 1 :]))) == card


def test_printed_identifiers() -> None:
    by_root = {row.root: (row.type, row.identifier) for row in KEYS}
    assert by_root["IRK"] == (7, 0x08)
    assert by_root["RKSSSE"] == (7, 0x0A)
    assert by_root["STKSSSE"] == (8, 0x09)
    assert by_root["UKSSSE"] == (8, 0x12)
    assert by_root["PUK"] == (8, 0x10)
    assert by_root["BK"] == (8, 0x11)
    assert by_root["UK2DF04"] == (7, 0x2A)
    assert len({(row.type, row.identifier) for row in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    ("identifier", "file"),
    [
        (0x08, 0x11),
        (0x0F, 0x11),
        (0x10, 0x12),
        (0x17, 0x12),
        (0x18, 0x13),
        (0x1F, 0x13),
        (0x20, 0x11),
        (0x3F, 0x11),
        (0x40, 0x12),
        (0x7F, 0x12),
        (0x80, 0x13),
        (0xBF, 0x13),
    ],
)
def test_key_files_by_range(identifier: int, file: int) -> None:
    assert key_file(SamKeyRow("OWN", KeyType.MAC, identifier)) == file
    assert key_file(SamKeyRow("OWN", KeyType.PURCHASE, identifier)) == KEY_FILES[0]


def test_files() -> None:
    memory = make_psam(
        roots(),
        level=2,
        terminal_id=TERMINAL,
        serial="123",
        issuer=0x33,
        key_version=2,
        valid_from=date(2024, 2, 29),
        transaction_number=77,
    )
    sam = Sam(memory=memory)
    assert sam.ok("00B099000A").hex() == "0000004d"
    for sfi in ("9A", "9B", "9C"):
        assert sam.ok(f"00B0{sfi}000A").hex() == "02022024022920340228"
    for name in ("7378312E73682EC9E7BBE1B1A3D5CF", "7378332E73682EC9E7BBE1B1A3D5CF"):
        sam.ok("00A404000F" + name)
        assert sam.ok("00B0950000").hex() == "33" + "123".rjust(20, "0") + "01020000"
        assert sam.ok("00B0960006").hex() == TERMINAL
        sam.ok(SELECT_DF01)
        assert sam.ok("00B0990004").hex() == "0000004d"


def test_key_version_is_that_of_all_but_purchase_keys() -> None:
    factor = (b"anything",)
    keys = keys_of(make_psam(roots(), level=1, terminal_id=TERMINAL, key_version=3))
    for root, key_type, identifier, version in (
        ("RKSSSE", KeyType.ENCRYPTION, 0x0A, 3),
        ("PUK", KeyType.MAC_AND_ENCRYPTION, 0x10, 1),  # cards have one version of it
        ("DPK", KeyType.PURCHASE, 1, 1),
        ("DPK", KeyType.PURCHASE, 3, 3),
    ):
        key = keys.find(key_type, identifier)
        assert key is not None
        assert key.derive(factor) == roots().diversify("3des", root, version, [factor])[0]


def test_stk_of_the_annex_only_macs() -> None:
    memory = make_psam(roots(), level=3, terminal_id=TERMINAL, stk_reloads_pin=False)
    keys = keys_of(memory)
    assert keys.find(KeyType.MAC_AND_ENCRYPTION, 0x09) is None
    stk = keys.find(KeyType.MAC, 0x09)
    assert stk is not None
    assert stk.use == 0x26
    assert len(stk.derive([b"anything"])) == 8


def test_own_keys() -> None:
    own = OwnKeys(MASTER, MASTER, (ACCESS, ACCESS, ACCESS))
    memory = make_psam(roots(), level=1, terminal_id=TERMINAL, own_keys={"3des": own, "sm4": own})
    for algorithm in ("3des", "sm4"):
        sam = Sam(algorithm, memory=memory.copy())
        assert sam.authenticate(1) == 0x9000
        content = "676000" + ("00" if algorithm == "3des" else "03") + "00" * 4 + "5A" * 16
        assert sam.create(content, 0x12) == 0x9000
    serials = [keys_of(make_psam(roots(), level=1, terminal_id=TERMINAL)) for _ in range(2)]
    assert serials[0].master_key != serials[1].master_key  # random serials, other keys
    fixed = [
        keys_of(make_psam(roots(), level=1, terminal_id=TERMINAL, serial="1")) for _ in range(2)
    ]
    assert fixed[0].master_key == fixed[1].master_key


def test_wrong_mac2_by_the_switch() -> None:
    for switch, sw in ((False, 0x9302), (True, 0x63CF)):
        memory = make_psam(
            roots(), level=1, terminal_id=TERMINAL, wrong_mac2_is_63cf=switch, algorithm="sm4"
        )
        sam = Sam("sm4", memory=memory)
        assert sam.init_purchase().sw == 0x9000
        assert sam.sw("807200000400000000") == sw


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": 0}, "level: must be from 1 to 3"),
        ({"level": 4}, "level: must be from 1 to 3"),
        ({"terminal_id": "33010600000"}, "terminal id: must be 12 digits"),
        ({"terminal_id": "33010600000x"}, "terminal id: must be 12 digits"),
        ({"terminal_id": "３30106000001"}, "terminal id: must be 12 digits"),
        ({"terminal_id": "990106000001"}, "city: is not a known division code"),
        ({"city": "5101"}, "city: must be a division code of 6 digits"),
        ({"serial": ""}, "serial: must be 1 to 20 digits"),
        ({"serial": "1" * 21}, "serial: must be 1 to 20 digits"),
        ({"serial": "1A"}, "serial: must be 1 to 20 digits"),
        ({"issuer": 256}, "issuer: must be from 0 to 255"),
        ({"key_version": 4}, "key version: must be from 1 to 3"),
        ({"transaction_number": 1 << 32}, "transaction number: must be from 0"),
        ({"algorithm": "ssf33"}, "algorithm: must be one of 3des, sm4"),
    ],
)
def test_wrong_requests(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"level": 3, "terminal_id": TERMINAL} | changes
    with pytest.raises(PsamError, match=message):
        make_psam(roots(), **arguments)  # type: ignore[arg-type]


def test_level_1_needs_no_city() -> None:
    sam = Sam(memory=make_psam(roots(), level=1, terminal_id="990106000001"))
    sam.ok("00A40000023F00")
    assert sam.ok("00B0960006").hex() == "990106000001"


class _Hsm:
    """A store that keeps its roots."""

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        if not all(chains):
            raise KeyStoreError("a root does not leave this store")
        return roots().diversify(algorithm, name, version, chains)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        return roots().encrypt(algorithm, name, version, factors, data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        return roots().mac(algorithm, name, version, factors, iv, message)


def test_a_store_that_keeps_its_roots() -> None:
    with pytest.raises(KeyStoreError, match="a root does not leave"):
        make_psam(_Hsm(), level=1, terminal_id=TERMINAL)
    from_hsm = make_psam(_Hsm(), level=2, terminal_id=TERMINAL, serial="1")
    assert from_hsm.cells == make_psam(roots(), level=2, terminal_id=TERMINAL, serial="1").cells


def test_missing_root_is_named() -> None:
    some = RootKeys({("3des", "MKMF", 1): bytes(16), ("3des", "MKDF01", 1): bytes(16)})
    with pytest.raises(KeyStoreError, match="3des: DPK: 1"):
        make_psam(some, level=3, terminal_id=TERMINAL, algorithm="3des")


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture
def roots_path(tmp_path: Path) -> Path:
    path = tmp_path / "roots.json"
    roots().save(path)
    return path


def test_command(tmp_path: Path, roots_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "psam.ssc"
    arguments = ["psam", "--keys", str(roots_path), "--level", "3", "--terminal-id", TERMINAL]
    arguments += ["--algorithm", "sm4", "--serial", "7", "--out", str(out)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with Card.open(out) as card:
        assert told["atr"] == card.power_on().hex().upper()
        assert card.transmit(bytes.fromhex("00B0960006"))[:6].hex() == TERMINAL
    made = make_psam(roots(), level=3, terminal_id=TERMINAL, algorithm="sm4", serial="7")
    assert Card(out.read_bytes()).image() == Card(made).image()
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert "level 3" in capsys.readouterr().out


def test_command_refuses(
    tmp_path: Path, roots_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["psam", "--keys", str(roots_path), "--out", str(tmp_path / "psam.ssc")]
    assert main([*arguments, "--level", "3", "--terminal-id", "12"]) == 2
    assert capsys.readouterr().err == "sscard: error: terminal id: must be 12 digits\n"
    assert main([*arguments, "--level", "4", "--terminal-id", TERMINAL]) == 2
    assert not (tmp_path / "psam.ssc").exists()
