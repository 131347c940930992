# SPDX-License-Identifier: Apache-2.0
"""The fixture ``sscard_reader`` in a run of its own, as a developer has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pcsc.stack import ROOT

pytestmark = pytest.mark.pcsc

TESTS = """
from smartcard.System import readers
from sscard_chip.reader.faulty import ExchangeFault, FaultAt

SSSE = list(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))


def connect(name):
    connection = next(one for one in readers() if str(one) == name).createConnection()
    connection.connect()
    return connection


def test_a_card_in_the_reader(sscard_reader, issue_sscard):
    connection = connect(sscard_reader.insert(issue_sscard(2)))
    assert connection.transmit(SSSE)[1] == 0x61
    connection.disconnect()


def test_a_card_that_fails(sscard_reader, issue_sscard):
    connection = connect(sscard_reader.insert(issue_sscard(3), contactless=True))
    sscard_reader.arm(FaultAt(ExchangeFault.WRONG_STATUS, status=b"\\x65\\x81"))
    assert connection.transmit(SSSE)[1:] == (0x65, 0x81)
    assert connection.transmit(SSSE)[1:] == (0x90, 0x00)
    connection.disconnect()


def test_card_and_psam(sscard_reader, issue_sscard, sscard_psam):
    card = connect(sscard_reader.insert(issue_sscard(2, broken="pin-locked")))
    psam = connect(sscard_reader.insert(sscard_psam(), slot=1))
    assert card.transmit(SSSE)[1] == 0x61
    assert card.transmit([0x00, 0x20, 0x00, 0x00, 0x00])[1:] == (0x69, 0x83)
    assert psam.transmit(list(bytes.fromhex("00A4000002DF01")))[1] in (0x61, 0x90)
    card.disconnect(), psam.disconnect()
"""


def test_the_reader_of_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    environment.pop("PCSCLITE_CSOCK_NAME", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "issuance.pytest_plugin", "test_mine.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
