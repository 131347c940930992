# SPDX-License-Identifier: Apache-2.0
"""Row 3: four commands in process, against the card of vsmartcard 3.3.

Both cards have a DF with a name, a record file and a transparent file of the same sizes, and
both answer in process: ``Card.transmit`` here, ``Iso7816OS.execute`` there. SELECT gives the FCI
here and nothing there: vsmartcard 3.3 cannot encode its FCI on Python 3.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.cards import SELECT_SSSE, issue
from benchmarks.paired import PAIRS, processor_paired, window
from benchmarks.rows import Row, UnavailableError
from sscard_chip.card import Card
from sscard_chip.standard.commands import GET_CHALLENGE, READ_BINARY, READ_RECORD, SELECT

GOAL: Final = 50.0
OURS, THEIRS = 1000, 10  # commands in a window: about a millisecond

_FOLDERS: Final = (
    "/usr/lib/python3/site-packages/virtualsmartcard",
    "/usr/lib/python3/dist-packages",
)
_RECORDS: Final = 7
_BINARY_LENGTH: Final = 0x128

_NAME: Final = SELECT_SSSE[5:]
_RECORD: Final = READ_RECORD.apdu(0x07, 0x2C, le=11)  # 卡号: 9 bytes behind tag and length
_BINARY: Final = READ_BINARY.apdu(0x96, 0x10, le=16)  # 16 bytes from offset 16
_CHALLENGE: Final = GET_CHALLENGE.apdu(le=8)
_SELECT_DF01: Final = SELECT.apdu(0x04, data=bytes.fromhex("D15600000500"))

Execute = Callable[[bytes], bytes]


def vsmartcard() -> Execute:
    """``execute`` of an ``Iso7816OS`` with files like ours. Raises UnavailableError."""
    with _importable():
        try:
            names = ("VirtualSmartcard", "CardGenerator", "SmartcardFilesystem")
            card, generator, files = (
                importlib.import_module(f"virtualsmartcard.{name}") for name in names
            )
            constants = importlib.import_module("virtualsmartcard.ConstantDefinitions")
        except ImportError as error:
            hint = "vsmartcard is not installed (Debian: apt install vsmartcard-vpicc)"
            raise UnavailableError(hint) from error
        mf, sam = generator.CardGenerator("iso7816").getCard()
    df = files.DF(mf, 0xDDF1, dfname=_NAME)
    mf.append(df)
    records = [files.Record(n + 1, bytes((n + 1, 9)) + b"Z00000013") for n in range(_RECORDS)]
    variable = constants.FDB["EFSTRUCTURE_LINEAR_VARIABLE_NOFURTHERINFO"]
    df.append(files.RecordStructureEF(df, 0xEF05, variable, shortfid=0x05, records=records))
    content = bytes(_BINARY_LENGTH)
    df.append(files.TransparentStructureEF(df, 0xEF16, shortfid=0x16, data=content))
    execute: Execute = card.Iso7816OS(mf, sam).execute
    return execute


@contextmanager
def _importable() -> Iterator[None]:
    """Put the folder of Debian's package on the path, for as long as it is being imported.

    Without PyCrypto it asks for ``sha`` of Python 2; nothing that is measured uses it.
    """
    added = [folder for folder in _FOLDERS if (Path(folder) / "virtualsmartcard").is_dir()]
    sys.path += added
    stand_in = sys.modules.setdefault("sha", hashlib)
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it warns of its default PIN
    try:
        yield
    finally:
        logging.disable(disabled)
        if stand_in is hashlib:
            del sys.modules["sha"]
        for folder in added:
            sys.path.remove(folder)


def rows(*, pairs: int = PAIRS) -> list[Row]:
    """Measure and return row 3, once for each command. Raises UnavailableError."""
    theirs = vsmartcard()
    _, memory = issue(3, "sm4")
    card = Card(memory)
    card.power_on()
    ours = card.transmit
    found = []
    for name, before, command, other in (
        ("SELECT", (), SELECT_SSSE, b"\x00\xa4\x04\x0c" + SELECT_SSSE[4:]),
        ("READ RECORD", (SELECT_SSSE,), _RECORD, _RECORD),
        ("READ BINARY", (SELECT_SSSE, _SELECT_DF01), _BINARY, _BINARY),
        ("GET CHALLENGE", (SELECT_SSSE,), _CHALLENGE, _CHALLENGE),
    ):
        for preparing in before:
            ours(preparing)
        _check(name, ours(command), theirs(other))
        result = processor_paired(
            window(theirs, other, THEIRS), window(ours, command, OURS), pairs=pairs
        )
        ratio = result.ratio * OURS / THEIRS
        us, them = result.second / OURS / 1000, result.first / THEIRS / 1000
        detail = f"{us:.2f} µs, vsmartcard {them:.1f} µs"
        found.append(Row(3, f"{name}, vsmartcard 3.3 in process", ratio, GOAL, ">=", detail))
    return found


def _check(name: str, ours: bytes, theirs: bytes) -> None:
    """Both must succeed; but for SELECT and the challenge their answers are as long."""
    same_length = name == "SELECT" or len(ours) == len(theirs)
    if ours[-2:] != b"\x90\x00" or theirs[-2:] != b"\x90\x00" or not same_length:
        raise RuntimeError(f"{name}: the two cards do not answer alike")
