# SPDX-License-Identifier: Apache-2.0
"""The drawn photo is one that an application takes."""

from __future__ import annotations

import base64
import hashlib

import pytest

from sscard_service.photo import checked_photo
from sscard_service.portrait import invented_photo
from sscard_service.region.model import PhotoRules


@pytest.mark.parametrize(
    "rules",
    [
        PhotoRules(),
        PhotoRules(width=358, height=441, least_bytes=9 * 1024, most_bytes=20 * 1024),
        PhotoRules(
            width=600,
            height=800,
            most_bytes=50 * 1024,
            dpi=300,
            head_width=300,
            middle_from=290,
            middle_to=310,
            hair_from=30,
            hair_to=40,
            eyes_above=400,
        ),
        PhotoRules(width=600, height=800, most_bytes=100 * 1024, dpi=0, head_width=0),
    ],
)
def test_it_fits_the_rules_of_a_region(rules: PhotoRules) -> None:
    content = invented_photo(rules)
    assert rules.least_bytes <= len(content) <= rules.most_bytes
    assert checked_photo(rules, base64.b64encode(content).decode())


def test_it_is_the_same_for_the_same_number() -> None:
    digests = {
        seed: hashlib.sha256(invented_photo(PhotoRules(), seed=seed)).digest() for seed in (0, 1)
    }
    assert hashlib.sha256(invented_photo(PhotoRules())).digest() == digests[0] != digests[1]
