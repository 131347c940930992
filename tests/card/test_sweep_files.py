# SPDX-License-Identifier: Apache-2.0
"""Each declared EF: open with the right right, closed otherwise."""

from __future__ import annotations

import pytest

from sscard_chip.profile.model import FREE, NEVER, PIN, Rule, Structure
from sscard_chip.standard.commands import READ_RECORD
from tests.bench.issued import SSSE, Bench
from tests.card.sweep import CASES, LINEAR, Case, external_kids

every_file = pytest.mark.parametrize("case", CASES, ids=str)
guarded_reads = pytest.mark.parametrize("case", [c for c in CASES if not c.file.read.free], ids=str)


def rules(case: Case) -> list[tuple[Rule, bool]]:
    """Read and write rule; True for the read rule."""
    return [(case.file.read, True), (case.file.write, False)]


def open_(case: Case, bench: Bench, reading: bool) -> bool:
    return case.may_read(bench) if reading else case.may_write(bench)


def test_the_sweep_meets_every_kind_of_rule() -> None:
    reads = {str(case.file.read) for case in CASES}
    writes = {str(case.file.write) for case in CASES}
    assert {"free", "PIN", "key 0A", "PIN or key 88", "PIN and key 84"} <= reads
    assert {"never", "key 04", "key 83"} <= writes
    assert {case.file.structure for case in CASES} == set(Structure) - {Structure.AMOUNT}
    assert len(CASES) > 130


@every_file
def test_right_right(case: Case) -> None:
    """Each way alone, on a card that has just been powered: PIN, every version of the key."""
    bench = case.bench()
    for rule, reading in rules(case):
        for way in case.ways(rule):
            bench.power_cycle()
            bench.enter(case.directory.fid)
            assert open_(case, bench, reading) is rule.free
            case.go(bench, rule, way)
            assert open_(case, bench, reading), f"{rule} {way}"


@every_file
def test_never_means_never(case: Case) -> None:
    bench = case.bench()
    assert bench.verify() == 0x9000
    for kid in (*external_kids(case.directory), *external_kids(bench.profile.environment)):
        if kid & 0x80 == 0 or case.directory.fid != SSSE:
            assert bench.authenticate(kid) == 0x9000
    for rule, reading in rules(case):
        assert open_(case, bench, reading) is (rule != NEVER)


@every_file
def test_no_other_right_opens(case: Case) -> None:
    """The PIN alone, and each other key of the directory and of SSSE."""
    bench = case.bench()
    for rule, reading in rules(case):
        if rule.free:
            continue
        enough_alone = rule.pin and not rule.both
        kids = set(external_kids(case.directory)) | set(external_kids(bench.profile.environment))
        bench.power_cycle()
        bench.enter(case.directory.fid)
        for kid in sorted(kids - {rule.kid} if not rule.both else kids):
            assert bench.authenticate(kid) == 0x9000
        assert not open_(case, bench, reading), rule
        if rule.both:
            bench.power_cycle()
            bench.enter(case.directory.fid)
        assert bench.verify() == 0x9000
        assert open_(case, bench, reading) is enough_alone, rule


@every_file
def test_wrong_key_and_wrong_pin(case: Case) -> None:
    for rule, reading in rules(case):
        bench = case.bench()
        if rule.kid is not None:
            if rule.both:
                assert bench.verify() == 0x9000
            for version in range(1, case.versions(rule.kid) + 1):
                assert bench.authenticate(rule.kid, version, wrong=True) == 0x63C2
                assert not open_(case, bench, reading)
        if rule.pin:
            bench.power_cycle()
            bench.enter(case.directory.fid)
            if rule.both:
                assert rule.kid is not None
                assert bench.authenticate(rule.kid) == 0x9000
            assert bench.verify("654321") & 0xFFF0 == 0x63C0
            assert not open_(case, bench, reading)


@every_file
def test_reset_closes(case: Case) -> None:
    bench = case.bench()
    for rule, reading in rules(case):
        for way in case.ways(rule)[:1]:
            for power in (bench.reset, bench.power_cycle):
                case.go(bench, rule, way)
                assert open_(case, bench, reading)
                power()
                bench.enter(case.directory.fid)
                assert open_(case, bench, reading) is rule.free


@every_file
def test_leaving_the_directory_closes(case: Case) -> None:
    """The right of a key is lost, the PIN stays."""
    bench = case.bench()
    for rule, reading in rules(case):
        for way in case.ways(rule):
            for away in (0x3F00, SSSE if case.directory.fid != SSSE else 0xDF01):
                bench.power_cycle()
                bench.enter(case.directory.fid)
                case.go(bench, rule, way)
                assert open_(case, bench, reading)
                bench.enter(away)
                bench.enter(case.directory.fid)
                still = rule == FREE or (rule.pin and not rule.both and way == (True, None))
                assert open_(case, bench, reading) is still, f"{rule} {way}"
                assert still or rule != PIN


@every_file
def test_all_of_the_content(case: Case) -> None:
    """Write every record or all bytes with the right, read all of it back after a reset."""
    bench, file = case.bench(), case.file
    if file.write.never:
        assert file.structure is Structure.CYCLIC
        case.go(bench, file.read, case.ways(file.read)[0])
        assert case.read(bench).body == bytes(range(file.record_length))
        return
    case.go(bench, file.write, case.ways(file.write)[0])
    expected = b""
    if file.structure is Structure.TRANSPARENT:
        bench.select(file.fid)
        expected = bytes(n * 5 + n // 251 & 0xFF for n in range(file.size))
        for at in range(0, file.size, 240):
            piece = expected[at : at + 240]
            head = b"\x00\xd6" + at.to_bytes(2) + bytes((len(piece),))
            assert bench.sw(head + piece) == 0x9000
    elif file.structure is Structure.CYCLIC:
        for number in range(file.records + 2):
            command = case.update(0, number)
            assert bench.sw(command) == 0x9000
            expected = (command[5:] + expected)[: file.records * file.record_length]
    else:
        for position in range(len(file.items) or 1):
            command = case.update(position, 0x31 + position)
            assert bench.sw(command) == 0x9000
            expected += command[5:]
    bench.power_cycle()
    bench.enter(case.directory.fid)
    case.go(bench, file.read, case.ways(file.read)[0])
    if file.structure is Structure.TRANSPARENT:
        bench.select(file.fid)
        got = b"".join(
            bench.ok(b"\x00\xb0" + at.to_bytes(2) + b"\x00") for at in range(0, file.size, 256)
        )
    else:
        got = bench.ok(READ_RECORD.apdu(1, file.sfi << 3 | 5, le=0))
    assert got == expected


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.file.structure in LINEAR and c.file.items], ids=str
)
def test_a_new_card_holds_what_is_declared(case: Case) -> None:
    """Tag, length and padding of each record that the issuing did not fill."""
    bench = case.bench()
    case.go(bench, case.file.read, case.ways(case.file.read)[0])
    filled = {n for d, f, n in bench.data.contents.values if (d, f) == (
        case.directory.fid, case.file.fid)}  # fmt: skip
    for number, item in enumerate(case.file.items, 1):
        record = bench.ok(READ_RECORD.apdu(number, case.p2, le=0))
        assert record[:2] == bytes((item.tag, item.length))
        assert len(record) == 2 + item.length
        if number not in filled:
            assert record[2:] == item.initial_value()
    assert bench.sw(READ_RECORD.apdu(len(case.file.items) + 1, case.p2, le=0)) == 0x6A83
