# SPDX-License-Identifier: Apache-2.0
"""Names instead of hexadecimal, completion, help, and robustness of the engine as a whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sscard_chip.profile import for_generation
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.shell import Shell
from sscard_chip.terminal.shell.grammar import COMMAND_NAMES
from sscard_chip.terminal.shell.help import TOPICS
from tests.bench.issued import GENERATIONS, SSSE_NAME, Bench, roots
from tests.bench.shell import ShellBench
from tests.shell.test_grammar import WORDS

NAME = SSSE_NAME.hex().upper()


@pytest.mark.parametrize(
    ("word", "apdu"),
    [
        ("MF", "00A40000023F00"),
        ("SSSE", f"00A404000F{NAME}"),
        ("ssse", f"00A404000F{NAME}"),
        ("社会保障系统环境", f"00A404000F{NAME}"),
        ("sx1.sh.社会保障", f"00A404000F{NAME}"),
        ('"sx1.sh"', "00A40400067378312E7368"),
        ("DF04", "00A4000002DF04"),
        ("社会保险2", "00A4000002DF04"),
        ("社会保险信息区2", "00A4000002DF04"),
        ("'social insurance 1'", "00A4000002DF03"),
        ("EF06", "00A4020002EF06"),
        ("持卡人基本信息", "00A4020002EF06"),
        ("holder", "00A4020002EF06"),
        ("0015", "00A40000020015"),
        ("D15600000503", "00A4040006D15600000503"),
        ("1PAY.SYS.DDF01", "00A404000E315041592E5359532E4444463031"),
        ("PSAM", "00A4040006D15600000590"),
        ("transit", "00A4040008A000000632010105"),
        ("交通联合", "00A4040008A000000632010105"),
    ],
)
def test_select_by_name(word: str, apdu: str) -> None:
    assert ShellBench().sent("select SSSE", f"select {word}")[0] == apdu


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_file_and_item_is_found_by_its_name(generation: int) -> None:
    for directory in for_generation(generation).directories:
        bench = ShellBench(generation)
        bench.run("select SSSE", f"select {directory.short_name} =9000")
        for file in directory.files:
            if file.sfi and file.fid & 0xFF < 0x1F:
                assert bench.sent(f"select {file.name}") == [f"00A4020002{file.fid:04X}"]
                for item in file.items:
                    if item.tag:
                        sent = bench.sent(f'read {file.fid:04X} "{item.english}"')
                        assert sent[0].startswith(f"00B2{item.tag:02X}{file.sfi << 3:02X}")


@pytest.mark.parametrize(
    ("line", "apdu"),
    [
        ("A4 0400 sx1.sh.社会保障", f"00A404000F{NAME}"),
        ("A4 0000 DF04", "00A4000002DF04"),
        ("82 RKSSSE 0102", "0082000A020102"),
        ("82 uk1df04 0102", "00820085020102"),
        ('DC 0930 091E "林知夏" 00', "00DC093009091EC1D6D6AACFC400"),
        ("B026 0001 /04", "B026000104"),
    ],
)
def test_names_in_apdus(line: str, apdu: str) -> None:
    assert ShellBench().sent(line)[0] == apdu


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("select DF0", "this is not the name of a file or directory; like DF0"),
        ("select 123456", "2 bytes or a name of 5 to 16"),
        ('select "社"', "2 bytes or a name of 5 to 16"),
        ("select '€𠀀\udc80\ud800'", "half of a surrogate pair"),
        ("read 卡片号", "卡片号 is not the name of an item of this directory; like 卡号"),
        ("read EF06 身高", "身高 is not the name of an item of EF06"),
        ("read EF21", "EF21 has no SFI"),
        ("read 'no such file' 1", "is not the name of a file of this directory"),
        ("82 NOKEY 00", "NOKEY is not the name of a key"),
        ("DC 0930 " + "00" * 256, "256 bytes of data"),
        ("help nothing", "no such topic"),
    ],
)
def test_names_that_mean_nothing(line: str, part: str) -> None:
    bench = ShellBench()
    bench.run("select SSSE")
    assert part in bench.fail(line)


def test_the_prompt_tells_the_place() -> None:
    bench = ShellBench()
    places = [bench.shell.prompt]
    for line in ("select SSSE", "read EF05 1", "select DF04", "select EF05", "select MF"):
        bench.run(line)
        places.append(bench.shell.prompt)
    assert places == ["MF", "SSSE", "SSSE/EF05", "DF04", "DF04/EF05", "MF"]


def test_another_card_is_recognised() -> None:
    connection = FaultyConnection(connect_card(Bench(1).card))
    shell = Shell(connection, keys=roots())
    assert "generation 1" in shell.start().lines[1]
    connection.remove()
    connection.insert(connect_card(Bench(3).card))
    assert "generation 3, sm4" in shell.run_line("reset").lines[1]
    assert shell.run_line("select SSSE =9000").passed
    assert shell.run_line("ea RKSSSE =9000").passed


def test_a_card_without_environment_is_no_social_security_card() -> None:
    bench = Bench(2)
    shell = Shell(FaultyConnection(_Mute(connect_card(bench.card))), keys=roots())
    assert shell.start().lines[1].strip() == "no social security card that the shell knows"
    assert "keys of this card are not known" in shell.run_line("ea 04").lines[-1]
    assert "ATR" in shell.run_line("atr").lines[0]


class _Mute:
    """A card that knows no file."""

    def __init__(self, card: object) -> None:
        self.card = card
        self.atr = b"\x3b\x00"

    def power_on(self) -> bytes:
        return self.atr

    reset = power_on

    def power_off(self) -> None:
        """Nothing to do."""

    def transmit(self, apdu: bytes) -> bytes:
        return b"\x6a\x82"


# --- help and completion ------------------------------------------------------------------------


def test_help_knows_every_command() -> None:
    bench = ShellBench()
    assert set(COMMAND_NAMES) - {"exit"} <= set(TOPICS)
    overview = "\n".join(bench.run("help"))
    for topic in TOPICS:
        assert bench.run(f"help {topic}")
    for name in set(COMMAND_NAMES) - {"exit"}:
        assert f"\n{name}" in f"\n{overview}"
        assert bench.run(f"help {name}")[0].startswith(name)


def test_help_lists_the_items_of_a_file() -> None:
    bench = ShellBench()
    lines = bench.run("select SSSE", "help EF06")
    assert lines[0] == "EF06 持卡人基本信息 holder: linear variable, read free, write key 04"
    assert lines[2] == "    2 09 姓名 name, an 30"


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("se", ["select"]),
        ("SEL", ["select"]),
        ("r", ["read", "raw", "reset"]),
        ("select DF", [f"DF0{n}" for n in range(1, 8)]),
        ("select SSSE/DF04", ["SSSE/DF04"]),
        ("select SSSE/DF04/EF0", ["SSSE/DF04/EF05", "SSSE/DF04/EF06", "SSSE/DF04/EF08"]),
        ("select 持", ["持卡人基本信息"]),
        ("select sx", ["sx1.sh.社会保障", "sx2.sh.社会保障", "sx3.sh.社会保障"]),
        ("read EF0", ["EF05", "EF06", "EF07", "EF08"]),
        ("read EF06 姓", ["姓名", "姓名扩展"]),
        ("read 卡", ["卡识别码", "卡类别", "卡有效期", "卡号"]),
        ("read all EF06", ["EF06"]),
        ("update EF06 性", ["性别"]),
        ("update EF06 a", ["append"]),
        ("ea R", ["RKSSSE"]),
        ("82 P", ["PUK"]),
        ("help k", ["keys"]),
        ("raw ", ["on", "off"]),
        ("proof ", ["31", "32"]),
        ("verify 12", []),
        ("change p", ["pin"]),
        ("select SSSE ", []),
        ("00B2", []),
    ],
)
def test_completion(before: str, found: list[str]) -> None:
    bench = ShellBench()
    bench.run("select SSSE/EF05")
    assert bench.shell.complete(before) == found


def test_completion_follows_the_selected_application() -> None:
    bench = ShellBench()
    bench.run("select SSSE/DF02")
    assert "RK1DF02" in bench.shell.complete("ea ")
    assert "RK1DF04" not in bench.shell.complete("ea ")
    assert bench.shell.complete("read EF1") == ["EF15", "EF16"]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=5).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_no_line_ends_the_shell(text: str) -> None:
    reply = _BENCH.shell.run_line(text)
    assert all(line.splitlines() in ([line], []) for line in reply.lines)
    _BENCH.shell.complete(text)


_BENCH = ShellBench(3)
