# SPDX-License-Identifier: Apache-2.0
"""A blank card in the reader is personalised over PC/SC, and its image is the patched card."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuance.plan import run_plan
from sscard_chip.card import Card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.terminal.pcsc import PcscConnection
from tests.blank.plans import blank_for, card_data, comparable, patched, plan_of
from tests.pcsc.stack import serving
from tests.vectors.cards import SCRIPTS, play

pytestmark = pytest.mark.pcsc


@pytest.mark.parametrize(("generation", "algorithm"), [(1, "3des"), (3, "sm4")])
def test_over_pcsc(daemon: PrivateDaemon, tmp_path: Path, generation: int, algorithm: str) -> None:
    data = card_data(generation, algorithm)
    image = tmp_path / "blank.ssc"
    blank_for(data).save(image)
    with serving(daemon, f"contact:{image}"):
        with PcscConnection(READER_NAMES[0]) as connection:
            run_plan(plan_of(data), connection)
        with PcscConnection(READER_NAMES[0]) as connection:
            assert connection.power_on()[-13:] == data.historical_bytes
            result = play(SCRIPTS["E03"], connection, generation)
            assert result.passed, result.report()
    with Card.open(image) as card:
        assert comparable(card.files.memory) == patched(data)
