# SPDX-License-Identifier: Apache-2.0
"""An invented holder, root keys, and the fixtures that the project ships."""

from __future__ import annotations

from datetime import date

import pytest

from issuance.roots import RootKeys, create_roots

TODAY = date(2026, 7, 1)


@pytest.fixture
def today() -> date:
    """The day on which all tests are run."""
    return TODAY


@pytest.fixture
def person() -> dict[str, object]:
    """The fields of an invented holder who is right."""
    return {
        "social_security_number": "990000200102030012",
        "name": "林知夏",
        "sex": "1",
        "nation": "01",
        "birthplace": "510104",
        "birth_date": "20010203",
        "card_number": "Z00000013",
        "city": "510100",
    }


@pytest.fixture(scope="session")
def roots() -> RootKeys:
    """Random root keys."""
    return create_roots()
