# SPDX-License-Identifier: Apache-2.0
"""Each declared key in each version, and the keys that a generation does not have."""

from __future__ import annotations

import pytest

from sscard_chip.profile.model import DirectoryDeclaration, KeyUse
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE
from tests.bench.issued import GENERATIONS, SSSE, SUITES_OF_CARDS, Bench
from tests.card.sweep import external_kids, whole_profile

PLACES = [
    (generation, algorithm, directory)
    for generation, algorithm in SUITES_OF_CARDS
    for directory in whole_profile(generation).directories
]


def place_id(value: object) -> str:
    return value.short_name if isinstance(value, DirectoryDeclaration) else str(value)


every_directory = pytest.mark.parametrize(
    ("generation", "algorithm", "directory"), PLACES, ids=place_id
)


def card(generation: int, algorithm: str, directory: DirectoryDeclaration) -> Bench:
    bench = Bench(generation, algorithm=algorithm, profile=whole_profile(generation))
    bench.enter(directory.fid)
    return bench


@every_directory
def test_each_version_of_each_key(
    generation: int, algorithm: str, directory: DirectoryDeclaration
) -> None:
    bench = card(generation, algorithm, directory)
    kids = external_kids(directory)
    assert kids
    for kid, versions in kids.items():
        assert bench.authenticate(kid) == 0x9000  # 16 bytes: version 1
        for version in range(1, versions + 1):
            assert bench.authenticate(kid, version) == 0x9000
            # The key of another version, of the card's or any other key, is no key of this one.
            wrong = bench.authenticate(kid, version, wrong=True)
            limit = next(k.retry_limit for k in directory.keys if k.kid == kid)
            assert wrong == (0x63C0 | limit - 1 if limit else 0x63CF)
            assert bench.authenticate(kid, version) == 0x9000
        for version in (0, versions + 1, 0xFF):
            bench.challenge()
            data = bytes(16) + bytes((version,))
            assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data)) == 0x6A88


@every_directory
def test_keys_are_all_different(
    generation: int, algorithm: str, directory: DirectoryDeclaration
) -> None:
    bench = card(generation, algorithm, directory)
    secrets = [s for (fid, _, _), s in bench.keys.items() if fid == directory.fid]
    assert len(set(secrets)) == len(secrets)
    others = [s for (fid, _, _), s in bench.keys.items() if fid != directory.fid]
    assert not set(secrets) & set(others)


@every_directory
def test_every_other_number_is_unknown(
    generation: int, algorithm: str, directory: DirectoryDeclaration
) -> None:
    bench = card(generation, algorithm, directory)
    known = set(external_kids(directory)) | set(external_kids(bench.profile.environment))
    for kid in range(256):
        if kid not in known:
            bench.challenge()
            assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=bytes(16))) == 0x6A88


@pytest.mark.parametrize("generation", GENERATIONS)
def test_two_cards_have_no_key_in_common(generation: int) -> None:
    first = Bench(generation)
    second = Bench(generation, city="510300", birthplace="510300")
    assert not set(first.keys.values()) & set(second.keys.values())


ABSENT_ON_1 = [
    (SSSE, "0A"),
    (0xDF01, "88898A8B8C8D8E"),
    (0xDF02, "8889"),
    (0xDF03, "898A8B8C8D"),
]


@pytest.mark.parametrize(("directory", "kids"), ABSENT_ON_1)
def test_keys_that_came_with_the_second_generation(directory: int, kids: str) -> None:
    for generation in GENERATIONS:
        bench = Bench(generation)
        bench.enter(directory)
        for kid in bytes.fromhex(kids):
            if generation == 1:
                bench.challenge()
                assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=bytes(16))) == 0x6A88
            else:
                assert bench.authenticate(kid) == 0x9000


@pytest.mark.parametrize("generation", GENERATIONS)
def test_keys_of_other_uses_authenticate_nobody(generation: int) -> None:
    """IRK, STK, DPK, DLK, DTK: not for EXTERNAL AUTHENTICATE, whatever number they have."""
    profile = whole_profile(generation)
    for directory in profile.directories:
        bench = card(generation, profile.algorithms[0], directory)
        for key in directory.keys:
            if key.use is KeyUse.EXTERNAL:
                continue
            for kid in {key.kid, 1, 2, 3, 0x81, 0x82}:
                if kid in external_kids(directory):
                    continue
                challenge = bench.challenge()
                secret = bench.keys[directory.fid, key.root, 1]
                data = bench.session(secret, challenge).authentication_data(bytes(8))
                assert bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data + bytes(8))) == 0x6A88
