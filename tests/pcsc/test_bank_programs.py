# SPDX-License-Identifier: Apache-2.0
"""EMV programs of other people read the bank application to the end: cardpeek and emvtool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from sscard_chip.profile.bank import OfflineLimits, records
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from tests.bench.bank import CASH, CONTENTS, PIN, PSE, TC, BankBench, amount
from tests.pcsc.conftest import unavailable
from tests.pcsc.stack import ROOT, serving

pytestmark = pytest.mark.pcsc

EMVTOOL = ("emv==1.0.14", "enum-compat==0.0.3", "pycountry", "terminaltables", "click")
"""emv pins an old pyscard that has no wheel: installed without what it asks for."""
OVER_PYSCARD = """
import smartcard.System
from smartcard.CardConnection import CardConnection
from smartcard.CardConnectionDecorator import CardConnectionDecorator
from emv.command.client import run
CardConnectionDecorator.T0_protocol = CardConnection.T0_protocol
run()
"""
"""emvtool with a pyscard of today, which has its constant elsewhere."""
PROCESSING_OPTIONS = "8, 1, 2, 0, 16, 8, 8, 0, 24, 1, 2, 0"
LIMITS = OfflineLimits(9, 9, 10**6, 10**6)
SPENT = (1234, 999, 20_000)

WALK = """
dofile("emv.lua")
local function show(node)
  for child in nodes.children(node) do
    io.write("@", tostring(nodes.get_attribute(child, "label")), "|",
             tostring(nodes.get_attribute(child, "id")), "|",
             tostring(nodes.get_attribute(child, "val")), "\\n")
    show(child)
  end
end
show(nodes.root())
io.flush()
os.exit(0)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A card that has been used: electronic cash spent, one payment online, one offline."""
    bench = BankBench(cash=CASH, limits=LIMITS)
    for fen in SPENT:
        bench.contactless(t9F02=amount(fen))
    bench.select(PSE)
    bench.complete()
    bench.select()
    bench.initiate()
    assert bench.verify() == 0x9000
    assert bench.generate(TC).kind == TC
    path = tmp_path / "card.ssc"
    bench.card.save(path)
    return path


# --- cardpeek -------------------------------------------------------------------------------------


@pytest.fixture
def cardpeek(daemon: PrivateDaemon, tmp_path: Path) -> dict[str, str]:
    """The environment of a cardpeek that has been run before: the first run asks questions."""
    if shutil.which("cardpeek") is None:
        unavailable("cardpeek is not installed")
    environment = {**daemon.environment, "HOME": str(tmp_path)}
    _cardpeek(environment, "os.exit(0)")
    return environment


def _cardpeek(environment: dict[str, str], script: str) -> str:
    """What it prints. All its questions are answered with the first choice."""
    done = subprocess.run(
        ["cardpeek", "-c", "-r", f"pcsc://{READER_NAMES[0]}", "-e", " ".join(script.split("\n"))],
        env=environment,
        input="1\n" * 20,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def test_cardpeek_reads_everything(
    daemon: PrivateDaemon, cardpeek: dict[str, str], image: Path
) -> None:
    with serving(daemon, f"contact:{image}"):
        printed = _cardpeek(cardpeek, WALK)
    assert "GPO Failed" not in printed
    assert "ERROR" not in printed
    nodes = [line[1:].split("|") for line in printed.splitlines() if line[:1] == "@"]
    values = {identifier: value for _, identifier, value in nodes}
    assert values["4F"] == CONTENTS.variant.aid.hex().upper()
    assert values["80"].startswith("1C00")
    assert (values["9F36"], values["9F13"], values["9F17"]) == ("0006", "0004", "03")
    assert (values["9F4D"], values["5A"], values["5F24"]) == ("0B0A", CONTENTS.pan, "301231")
    assert {"57", "5F20", "5F25", "5F28", "5F34", "8C", "8D", "8E", "9F07", "9F08", "9F0D",
            "9F0E", "9F0F", "9F4F", "9F61", "9F62", "9F74"} <= set(values)  # fmt: skip
    records_read = [value for label, _, value in nodes if label == "Amount, Authorized"]
    assert [int(value) for value in records_read] == [1234, 1234, *reversed(SPENT)]


# --- emvtool --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def emvtool(pytestconfig: pytest.Config) -> Path:
    """The Python of a venv with emvtool, kept in pytest's cache; our own packages come after."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("emvtool")
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != sys.version:
        shutil.rmtree(folder)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--no-deps", *EMVTOOL]
        if subprocess.run(pip, check=False).returncode:
            unavailable("emvtool cannot be installed (pip install emv)")
        own = next(folder.glob("lib/python*/site-packages")) / "own.pth"
        own.write_text(sysconfig.get_path("purelib") + "\n")
        ready.write_text(sys.version)
    return python


def _emvtool(python: Path, *command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(python), *command],
        env={**os.environ, **(environment or {}), "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _shown(printed: str) -> str:
    """All that stands in the cells of its tables, without the lines."""
    return " ".join(re.sub(r"\x1b\([0B]|[\x0e\x0fx│|]", " ", printed).split())


def _check(applications: str, everything: str, data: str) -> None:
    assert '"PBOC DEBIT"' in _shown(applications)
    assert "[A0 00 00 03 33 01 01 01]" in _shown(applications)
    everything = _shown(everything)
    for wanted in ("pin_retries 3", "last_online_atc 4"):
        assert wanted in everything.replace("(0", " ").replace("(B", " ")
    assert "Error reading" not in everything
    shown = _shown(data)
    assert PROCESSING_OPTIONS in shown
    tags = "57 5A 5F20 5F24 5F25 5F28 5F34 8C 8D 8E 9F07 9F08 9F0D 9F0E 9F0F 9F61 9F62 9F74"
    for tag in tags.split():
        assert f"[{tag[:2]} {tag[2:]}]".replace(" ]", "]") in shown
    assert CONTENTS.pan in shown
    assert len(records(CONTENTS)) == 4
    assert PIN not in shown


def test_emvtool_in_process(emvtool: Path, image: Path) -> None:
    run = ("-m", "tests.pcsc.emvtool_in_process", str(image))
    _check(
        _emvtool(emvtool, *run, "listapps"),
        _emvtool(emvtool, *run, "info"),
        _emvtool(emvtool, *run, "appdata", "0"),
    )


def test_emvtool_over_pcsc(daemon: PrivateDaemon, emvtool: Path, image: Path) -> None:
    run = ("-c", OVER_PYSCARD, "-r", "0")
    with serving(daemon, f"contact:{image}"):
        environment = daemon.environment
        _check(
            _emvtool(emvtool, *run, "listapps", environment=environment),
            _emvtool(emvtool, *run, "info", environment=environment),
            _emvtool(emvtool, *run, "appdata", "0", environment=environment),
        )
