# SPDX-License-Identifier: Apache-2.0
"""TACs of a purse in lanes and one by one, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from sscard_chip.settlement.tac import PURSE_TAC, BulkMacs
from sscard_chip.settlement.tac.bulk import LANES
from tests.bench.reference import purse as reference


@pytest.mark.parametrize("count", [1, 130, 2_000])
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_tacs_are_those_of_the_card(algorithm: str, count: int) -> None:
    random = np.random.default_rng(count)
    keys = random.integers(0, 256, (max(count // 3, 1), 16), np.uint8)
    which = np.sort(random.integers(0, len(keys), count))
    messages = random.integers(0, 256, (count, 22), np.uint8)
    found = BulkMacs(PURSE_TAC).macs(algorithm, keys, which, messages)
    lanes = LANES[algorithm](PURSE_TAC).macs(keys, which, messages)
    assert (lanes == found).all()
    for at in {0, count // 2, count - 1}:
        key = keys[which[at]].tobytes()
        assert found[at].tobytes() == reference.tac(algorithm, key, messages[at].tobytes())
