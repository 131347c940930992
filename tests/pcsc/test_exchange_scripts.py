# SPDX-License-Identifier: Apache-2.0
"""The programs of the field, E1 to E14 and the rest of ``vectors/exchanges``, over pyscard,
pcscd and vpcd: the same scripts and the same outcomes as in process."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.terminal.pcsc import PcscConnection
from tests.pcsc.stack import serving
from tests.vectors.cards import SCRIPTS, card_image, play

pytestmark = pytest.mark.pcsc


def test_the_programs_e1_to_e14_are_all_there() -> None:
    assert {f"E{number:02d}" for number in range(1, 15)} <= set(SCRIPTS)


@pytest.mark.parametrize("generation", [1, 2, 3])
@pytest.mark.parametrize("name", SCRIPTS)
def test_over_pcsc(daemon: PrivateDaemon, tmp_path: Path, name: str, generation: int) -> None:
    script = SCRIPTS[name]
    image = tmp_path / "card.ssc"
    Card(card_image(generation, script)).save(image)
    with (
        serving(daemon, f"contact:{image}"),
        PcscConnection(READER_NAMES[0]) as connection,
    ):
        result = play(script, connection, generation)
    assert result.passed, result.report()
