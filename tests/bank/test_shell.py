# SPDX-License-Identifier: Apache-2.0
"""The APDU shell in front of a card with a bank application: raw commands, decoded answers."""

from __future__ import annotations

from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.shell import Shell
from tests.bench.bank import CASH, BankBench


def test_answers_in_words() -> None:
    bench = BankBench(cash=CASH)
    bench.complete()
    connection = connect_card(bench.card)
    connection.power_on()
    shell = Shell(connection)
    shell.start()
    lines: list[str] = []
    for command in (
        "00A4040008A000000333010101", "00B2010C00", "00B2021C00", "00B2015C00", "80CA9F7900",
        "80A8000002830000",
    ):  # fmt: skip
        lines += shell.run_line(command).lines
    text = "\n".join(lines)
    assert "FCI of A000000333010101 PBOC 借记" in text
    assert "57: 6239900000000005D301222000000123" in text
    assert "9F74: 454343303031" in text
    assert "45 bytes" in text  # a record of the log is no data object
    assert "9F79 000000050000" in text
    assert "AIP 1C00, AFL 080102001008080018010200" in text
