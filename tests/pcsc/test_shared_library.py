# SPDX-License-Identifier: Apache-2.0
"""The C test program through libSSCardDriver.so, pyscard, pcscd and vpcd, with both cards in
their slots."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from tests.bench.desk import CARDS, PAY, PIN, Desk
from tests.bench.issued import roots
from tests.native.native import FILES, Images, Native, build_or_skip
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc

SLOTS = {"reader": READER_NAMES[0], "psam_reader": READER_NAMES[1], "pin": PIN}


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    return build_or_skip(tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_card_is_read_and_pays(
    daemon: PrivateDaemon, native: Native, tmp_path: Path, generation: int, algorithm: str
) -> None:
    images = Images.of(Desk(generation, algorithm), tmp_path)
    desk, info = images.desk, images.desk.card_info
    expected = [
        ("iReadCardBas", *desk.call("iReadCardBas", 1)),
        ("iVerifyPIN", 0, ""),
        ("iReadCard", *desk.call("iReadCard", 1, 1, info, FILES)),
        ("iDoDebit", *desk.call("iDoDebit", 1, info, PAY)),
        ("iReadDebitRecord", *desk.call("iReadDebitRecord", 1)),
    ]
    with serving(daemon, f"contact:{images.card}", f"contact:{images.psam}"):
        assert native.run("-f", FILES, "-p", PAY, options=SLOTS) == expected


def test_a_contactless_card(daemon: PrivateDaemon, native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    with serving(daemon, f"contactless:{images.card}", f"contact:{images.psam}"):
        calls = native.run("-t", "4", "-p", PAY, options=SLOTS | {"interface": "contactless"})
    assert calls[0][1:] == images.desk.call("iReadCardBas", 2)
    assert [code for _, code, _ in calls] == [0] * 5


def test_empty_slots(daemon: PrivateDaemon, native: Native, tmp_path: Path) -> None:
    """No card is -2; a card without PSAM goes on with the HSM steps."""
    assert native.run(code=1, options=SLOTS)[0][:2] == ("iReadCardBas", -2)
    images = Images.of(Desk(3), tmp_path)
    keys = tmp_path / "roots.json"
    roots().save(keys)
    with serving(daemon, f"contact:{images.card}"):
        assert native.run(code=1, options=SLOTS)[0][:2] == ("iReadCardBas", -2201)
        calls = native.run(
            "-k", "-f", "DF01EF15|2A|$", "-p", PAY, options=SLOTS | {"keys": str(keys)}
        )
    assert {code for _, code, _ in calls} == {0}


def test_a_reader_that_is_not_there(daemon: PrivateDaemon, native: Native) -> None:
    name, code, text = native.run(code=1, options={"reader": "No such reader"})[0]
    assert (name, code) == ("iReadCardBas", -12)
    assert "No such reader" in text
