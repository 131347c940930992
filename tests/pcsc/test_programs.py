# SPDX-License-Identifier: Apache-2.0
"""PC/SC programs of other people read the card: opensc-tool, scriptor, pcsc_scan."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.standard import commands
from tests.pcsc.stack import run_program, serving
from tests.reader.toy_card import ATR, FCI, NAME, RECORDS

pytestmark = [pytest.mark.pcsc, pytest.mark.usefixtures("programs")]

SELECT = commands.SELECT.apdu(0x04, data=NAME).hex()


@pytest.fixture(scope="module", autouse=True)
def cards(daemon: PrivateDaemon) -> Iterator[None]:
    with serving(daemon, "contact:toy", "contactless:toy"):
        yield


def hex_of(text: str) -> str:
    """All hex pairs of a dump, joined; what is not a pair is left out."""
    return "".join(re.findall(r"\b[0-9A-Fa-f]{2}\b", text)).lower()


def test_opensc_tool_lists_both_slots(daemon: PrivateDaemon) -> None:
    listing = run_program(daemon, "opensc-tool", "-l")
    for name in READER_NAMES:
        assert re.search(rf"Yes\s.*{name}", listing)


def test_opensc_tool_reads_the_atr(daemon: PrivateDaemon) -> None:
    assert hex_of(run_program(daemon, "opensc-tool", "-r", "0", "-a")) == ATR.hex()
    assert hex_of(run_program(daemon, "opensc-tool", "-r", "1", "-a")).startswith("3b8d8001")


def test_opensc_tool_sends_commands(daemon: PrivateDaemon) -> None:
    output = run_program(
        daemon, "opensc-tool", "-r", "0", "-c", "default",
        "-s", SELECT, "-s", "00A4000002EF05", "-s", "00B2020403",
    )  # fmt: skip
    assert output.count("SW1=0x90, SW2=0x00") >= 2
    assert RECORDS[1].hex() in hex_of(output)
    assert "0x6F" not in output


def test_opensc_tool_without_contacts(daemon: PrivateDaemon) -> None:
    output = run_program(
        daemon, "opensc-tool", "-r", "1", "-c", "default", "-s", SELECT + "00", "-s", "00B2020400"
    )
    assert FCI.hex() in hex_of(output)
    assert RECORDS[1].hex() in hex_of(output)


def test_scriptor(daemon: PrivateDaemon) -> None:
    script = "\n".join(("reset", SELECT, "00C0000018", "00B2010400", "00B2010412", ""))
    output = run_program(daemon, "scriptor", "-r", READER_NAMES[0], "-p", "T=0", text=script)
    answers = [hex_of(line[1:].split(":")[0]) for line in output.splitlines() if line[:1] == "<"]
    joined = hex_of(output)
    assert "6118" in answers
    assert "6c12" in answers
    assert FCI.hex() + "9000" in joined
    assert RECORDS[0].hex() + "9000" in joined


def test_pcsc_scan_reports_the_atr(daemon: PrivateDaemon) -> None:
    output = run_program(daemon, "timeout", "3", "pcsc_scan", "-n", ok=False)
    for name in READER_NAMES:
        assert name in output
    assert ATR.hex() in hex_of(output)
    assert "Card inserted" in output
