# SPDX-License-Identifier: Apache-2.0
"""The grammar: what lines mean, and that no text does anything but parse or be refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sscard_chip.terminal.shell import commands
from sscard_chip.terminal.shell.commands import Composed, ShellLine, Word
from sscard_chip.terminal.shell.grammar import COMMAND_NAMES, GrammarError, parse_line

WORDS = (
    *COMMAND_NAMES,
    "SSSE",
    "EF05",
    "DF04/EF05",
    "tag",
    "bytes",
    "append",
    "pin",
    "ask",
    "all",
    "08",
    "7",
    "123456",
    "00A40400",
    "00B2072C00",
    "姓名",
    "RKSSSE",
    "/08",
    "/",
    "=9000",
    "=63Cx|6983",
    "=",
    '"林 知夏"',
    '"',
    "#",
    "hex:0709",
)


def text_of(lines: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return lines.map(" ".join)


@given(st.text() | text_of(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=7)))
@example('"')
@example("=")
@example("\x00")
@example("select /")
@example("²²²² 00")
@example("read ٣")
def test_any_text_parses_or_gives_one_clear_line(text: str) -> None:
    try:
        line = parse_line(text)
    except GrammarError as error:
        message = str(error)
        assert message
        assert message.isprintable()
        assert len(message) < 120
    else:
        assert isinstance(line, ShellLine)


@given(st.from_regex(r"\A[0-9]{4,16}\Z"), st.sampled_from(["verify {} x", "{}x 00", "'{}", "e{}r"]))
def test_an_error_never_quotes_digits(pin: str, shape: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_line(shape.format(pin))
    assert pin not in str(caught.value)


@given(
    st.binary(min_size=1, max_size=1),
    st.binary(min_size=2, max_size=2),
    st.binary(min_size=1, max_size=40),
    st.none() | st.integers(0, 255),
)
def test_every_way_to_write_an_apdu_means_the_same(
    ins: bytes, place: bytes, data: bytes, le: int | None
) -> None:
    end = "" if le is None else f" /{le:02X}"
    i, p, d = ins.hex(), place.hex(), data.hex()
    wanted = Composed(0, ins[0], place, (Word(d),), le)
    assert parse_line(f"00{i}{p} {d}{end}").command == wanted
    assert parse_line(f"00{i} {p} {d}{end}").command == wanted
    assert parse_line(f"{i}{p} {d}{end}").command == wanted
    if i != "ea":  # the command of that name comes first
        assert parse_line(f"{i} {p} {d}{end}").command == wanted


@pytest.mark.parametrize("text", ["", "   ", "# read EF05", "\t# =9000"])
def test_blank_lines_and_comments_mean_nothing(text: str) -> None:
    assert parse_line(text) == ShellLine()


def test_words_in_quotes_are_text() -> None:
    command = parse_line("""DC 0904 "A # b" '/08' 4E00 # rest""").command
    assert command == Composed(
        0, 0xDC, b"\x09\x04", (Word("A # b", True), Word("/08", True), Word("4E00")), None
    )


@pytest.mark.parametrize(
    ("text", "apdu"),
    [
        ("00B2072C00", "00B2072C00"),
        ("00 b2 07 2c 0b", "00B2072C0B"),
        ("00 84 00 00", "00840000"),
        ("0020000003 12 34 56", "0020000003123456"),
    ],
)
def test_a_whole_apdu_is_sent_as_it_is(text: str, apdu: str) -> None:
    assert parse_line(text).command == commands.Apdu(bytes.fromhex(apdu))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("84 /08", Composed(0, 0x84, bytes(2), (), 8)),
        ("84", Composed(0, 0x84, bytes(2), (), None)),
        ("B026 0001 /", Composed(0xB0, 0x26, b"\0\1", (), 0)),
        ("82 RKSSSE 01", Composed(0, 0x82, Word("RKSSSE"), (Word("01"),), None)),
        ("select SSSE/DF04", commands.Select((Word("SSSE"), Word("DF04")))),
        ("SELECT 'a/b'", commands.Select((Word("a/b", True),))),
        ("read", commands.Read(None, commands.Whole())),
        ("read all EF06", commands.Read(Word("EF06"), commands.Whole())),
        ("read EF06", commands.Read(Word("EF06"), commands.Whole())),
        ("read 1", commands.Read(None, commands.RecordNumber(1))),
        ("read tag 08", commands.Read(None, commands.Tag(8))),
        ("read 姓名", commands.Read(None, commands.Named(Word("姓名")))),
        ("read EF05 7", commands.Read(Word("EF05"), commands.RecordNumber(7))),
        ("read EF06 tag 4e", commands.Read(Word("EF06"), commands.Tag(0x4E))),
        ("read EF08 bytes 16 32", commands.Read(Word("EF08"), commands.Bytes(16, 32))),
        ("verify", commands.Verify("")),
        ("verify ask", commands.Verify(None)),
        ("verify 123456", commands.Verify("123456")),
        ("change pin 123456 654321", commands.ChangePin(("123456", "654321"))),
        ("change 1234 654321", commands.ChangePin(("1234", "654321"))),
        ("change pin ask", commands.ChangePin(None)),
        ("challenge", commands.Challenge(8)),
        ("challenge 16", commands.Challenge(16)),
        ("EA 0A", commands.ExternalAuthentication(Word("0A"), 0)),
        ("ea RK1DF04 3", commands.ExternalAuthentication(Word("RK1DF04"), 3)),
        ("ia", commands.InternalAuthentication(0)),
        ("balance", commands.Balance(1)),
        ("balance 统筹", commands.Balance(3)),
        ("proof 32 0005", commands.GetProof(0x32, 5)),
        (
            "update EF06 性别 1",
            commands.Update(Word("EF06"), commands.Named(Word("性别")), (Word("1"),)),
        ),
        (
            "update EF07 append 1 2",
            commands.Update(Word("EF07"), commands.Append(), (Word("1"), Word("2"))),
        ),
        (
            "update EF16 bytes 3 0102",
            commands.Update(Word("EF16"), commands.Bytes(3), (Word("0102"),)),
        ),
        ("raw on", commands.BareExchange(True)),
        ("reset", commands.Reset()),
        ("atr", commands.ShowAtr()),
        ("help EF05", commands.Help("EF05")),
        ("exit", commands.Quit()),
    ],
)
def test_what_a_line_means(text: str, command: object) -> None:
    assert parse_line(text).command == command


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("read EF05 0", "1 to 254"),
        ("read EF05 255", "1 to 254"),
        ("read EF05 7 8", "which one?"),
        ("read tag 8", "two hexadecimal digits"),
        ("read EF08 bytes 40000", "0 to 32767"),
        ("select", "select what?"),
        ("select SSSE EF05", "select what?"),
        ("select SSSE//EF05", "each /"),
        ("verify 123", "4 to 16 digits"),
        ("verify 12345a", "4 to 16 digits"),
        ("verify 123456 1", "verify [PIN]"),
        ("change pin 123456", "OLD NEW"),
        ("challenge 5", "4, 8 or 16"),
        ("ea", "ea KEY"),
        ("balance 4", "account, self or pool"),
        ("proof 33 0001", "31 (load)"),
        ("proof 32 5", "four hex digits"),
        ("update EF06 性别", "FILE WHICH VALUE"),
        ("update EF06 tag 0A", "value is missing"),
        ("raw", "raw on"),
        ("reset now", "takes nothing"),
        ("reset =9000", "none can be expected"),
        ("help =9000", "none can be expected"),
        ("=9000", "behind a command"),
        ("84 =900", "=9000|63Cx"),
        ("84 =9000|", "=9000|63Cx"),
        ("B2 072 /0B", "P1 P2 are four"),
        ("B2 072C /B", "two hexadecimal digits"),
        ("B2 072C /0B 01", "behind the data"),
        ("00B2072C0", "neither a command"),
        ("00B2072C00 EF05x", "to its end"),
        ("frobnicate", "'frobnicate'"),
        ('read "EF05', "quote must close"),
    ],
)
def test_what_a_line_may_not_be(text: str, part: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(part)):
        parse_line(text)


@pytest.mark.parametrize(
    ("expected", "sw", "matches"),
    [
        ("=", 0x9000, True),
        ("=", 0x6A82, False),
        ("=9000|61xx", 0x6118, True),
        ("=9000|61xx", 0x6218, False),
        ("=63Cx", 0x63C5, True),
        ("=63cX", 0x63D5, False),
        ("=xxxx", 0x6F00, True),
    ],
)
def test_expected_status_words(expected: str, sw: int, matches: bool) -> None:
    line = parse_line(f"00840000 {expected}")
    assert line.expected is not None
    assert line.expected.matches(sw) is matches


def test_reprs_hold_no_pin() -> None:
    for text in ("verify 123456", "change pin 123456 654321", "0020000003123456", "20 0000 123456"):
        assert "123456" not in repr(parse_line(text))
