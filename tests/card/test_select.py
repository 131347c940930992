# SPDX-License-Identifier: Apache-2.0
"""SELECT: by FID, by name, the parent; FCI of each generation; what a failure leaves alone."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import READ_RECORD, SELECT
from tests.bench.issued import MF, SELECT_SSSE, SSSE, SSSE_NAME, Bench

SUCCESS = (b"", 0x9000)

FCI = {
    (1, "3des"): "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388010B",
    (2, "3des"): "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E",
    (3, "sm4"): "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103",
    (3, "3des"): "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101",
}


@pytest.mark.parametrize(("card", "fci"), FCI.items())
@pytest.mark.parametrize("le", [b"", b"\x00"])
def test_fci_of_ssse(card: tuple[int, str], fci: str, le: bytes) -> None:
    bench = Bench(card[0], algorithm=card[1])
    assert bench.ok(SELECT_SSSE + le).hex().upper() == fci
    assert bench.ok(b"\x00\xa4\x00\x00\x02\xdd\xf1" + le).hex().upper() == fci


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_fci_of_applications_and_mf(generation: int) -> None:
    bench = Bench(generation)
    bench.enter(SSSE)
    for directory in bench.profile.applications:
        assert directory.df_name[:5].hex().upper() == "D156000005"
        fci = bench.ok(b"\x00\xa4\x00\x00\x02" + directory.fid.to_bytes(2) + b"\x00")
        assert fci == b"\x6f\x08\x84\x06" + directory.df_name
    sfi = bench.profile.dir_sfi
    assert bench.ok("00A4000000") == bytes((0x6F, 0x05, 0xA5, 0x03, 0x88, 0x01, sfi))


def test_applications_by_name() -> None:
    expected = {"00": 0xDF01, "01": 0xDF02, "02": 0xDF03, "03": 0xDF04, "04": 0xDF07}
    for last, fid in expected.items():
        bench = Bench(2)
        assert bench.ok(f"00A4040006D156000005{last}")[4:].hex() == f"d156000005{last}"
        # Whose EFs are found tells where the card stands.
        name = bench.profile.directory(fid).files[0].fid.to_bytes(2)
        assert bench.send(SELECT.apdu(0x02, data=name)) == SUCCESS
    assert Bench(1).sw("00A4040006D15600000504") == 0x6A82


@pytest.mark.parametrize("p1", ["00", "02"])
@pytest.mark.parametrize("le", ["", "00"])
def test_an_ef_gives_no_data(p1: str, le: str) -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    assert bench.send(f"00A4{p1}0002EF05{le}") == SUCCESS


def test_children_siblings_parent_and_mf() -> None:
    bench = Bench(2)
    assert bench.sw("00A4000002DF01") == 0x6A82  # no child of the MF, nor its sibling
    bench.enter(SSSE)
    assert bench.ok("00A4010002DF01")[4:].hex() == "d15600000500"
    assert bench.sw("00A4010002DF02") == 0x6A82  # a sibling is no child
    assert bench.ok("00A4000002DF02")[4:].hex() == "d15600000501"
    assert bench.ok("00A4000002DF02")[4:].hex() == "d15600000501"  # the current one itself
    assert bench.ok("00A4030000")[4:19] == SSSE_NAME
    assert bench.ok("00A4030000").hex() == "6f05a50388011e"
    assert bench.sw("00A4030000") == 0x6A82  # the MF has no parent
    bench.enter(0xDF03)
    assert bench.ok("00A4000002DDF1")[4:19] == SSSE_NAME
    bench.enter(0xDF03)
    assert bench.ok("00A40000023F00").hex() == "6f05a50388011e"
    bench.enter(0xDF03)
    assert bench.ok("00A40000").hex() == "6f05a50388011e"


def test_partial_names_and_the_next_occurrence() -> None:
    bench = Bench(2)
    names = [bench.ok("00A4040005D156000005")[4:]]
    while True:
        answer = bench.send("00A4040205D156000005")
        if answer.sw != 0x9000:
            break
        names.append(answer.body[4:])
    assert answer == (b"", 0x6A82)
    assert names == [d.df_name for d in bench.profile.applications]
    # The failed SELECT left the last one current.
    assert bench.ok("00A4000002DF07")[4:] == names[-1]
    assert bench.sw("00A4020002EF06") == 0x9000
    # From the first again, and the whole name of one.
    assert bench.ok("00A4040005D156000005")[4:] == names[0]
    assert bench.ok("00A4040005" + "7378312E73")[4:19] == SSSE_NAME
    assert bench.sw("00A4040205" + "7378312E73") == 0x6A82


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("00A404000F5943542E555345", 0x6700),  # Lc and data disagree
        ("00A40400085943542E55534552", 0x6A82),  # foreign names
        ("00A4040008A000000333010101", 0x6A82),
        ("00A40000020003", 0x6A82),
        ("00A40000027F01", 0x6A82),
        ("00A4020002EF55", 0x6A82),
        ("00A4020002DF01", 0x6A82),  # P1 02 finds EFs alone
        ("00A4010002EF05", 0x6A82),  # P1 01 finds DFs alone
        ("00A4050002EF05", 0x6A86),
        ("00A4080002EF05", 0x6A86),
        ("00A4000402EF05", 0x6A86),
        ("00A4000202EF05", 0x6A86),  # next occurrence is for names
        ("00A4040106D15600000500", 0x6A86),
        ("00A4040306D15600000500", 0x6A86),
        ("00A4020001EF", 0x6700),
        ("00A4000003EF0500", 0x6700),
        ("00A40200", 0x6700),
        ("00A4040004D1560000", 0x6700),  # a name has 5 to 16 bytes
        ("00A40400117378312E73682EC9E7BBE1B1A3D5CF0000", 0x6700),
        ("00A40400", 0x6700),
        ("00A40300023F00", 0x6700),
    ],
)
def test_a_failed_select_leaves_everything(command: str, expected: int) -> None:
    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.authenticate(0x88) == 0x9000
    bench.select(0xEF05)
    second = bench.ok("00B2020400")
    challenge = bench.challenge()
    assert bench.sw(command) == expected
    assert bench.ok("00B2000400") == second  # directory, EF, record pointer, right
    assert bench.sw(bench.authentication(0x83, challenge)) == 0x9000  # the challenge too


def test_selecting_a_directory_forgets_the_ef() -> None:
    bench = Bench(2)
    bench.enter(SSSE)
    bench.select(0xEF05)
    assert bench.ok("00B2010400")[0] == 0x01
    bench.ok(SELECT_SSSE)
    assert bench.sw("00B2010400") == 0x6986


def test_internal_files_cannot_be_selected() -> None:
    bench = Bench(2)
    bench.enter(0xDF04)
    assert bench.sw("00A4020002EF81") == 0x6A82
    assert bench.sw("00A40200020002") == 0x6A82
    assert bench.sw("00B0820000") == 0x6A82  # the key file by SFI
    assert bench.sw("00B2011400") == 0x6A82


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_dir_lists_the_applications(generation: int) -> None:
    bench = Bench(generation)
    bench.enter(SSSE)
    p2 = bench.profile.dir_sfi << 3 | 4
    for number, directory in enumerate(bench.profile.applications, 1):
        record = bench.ok(READ_RECORD.apdu(number, p2, le=0))
        label = directory.label.encode("gbk")
        entry = b"\x4f\x06" + directory.df_name + bytes((0x50, len(label))) + label
        template = bytes((0x61, len(entry))) + entry
        assert record == bytes((0x70, len(template))) + template
        assert 1 <= len(label) <= 16
    assert bench.sw(READ_RECORD.apdu(number + 1, p2, le=0)) == 0x6A83
    # The first file's DIR, below the MF, names SSSE.
    bench.enter(MF)
    assert SSSE_NAME in bench.ok(READ_RECORD.apdu(1, p2, le=0))


def test_the_powered_card_stands_at_the_mf() -> None:
    bench = Bench(3)
    assert bench.sw("00A4020002EF05") == 0x6A82
    assert bench.sw("00A40300") == 0x6A82  # it has no parent
    bench.ok("00A4010002DDF1")  # SSSE is its child
