# SPDX-License-Identifier: Apache-2.0
"""Values that were planted are found nowhere: not in the database, errors, logs, audit, answers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sscard_chip.settlement.ledger import Ledger
from sscard_service import ServiceRefusedError
from sscard_service.store.secrets import ServiceKeys
from sscard_service.worker import deliver
from tests.service.city import KEYS, LIN, PHONE, VALID, City, photo

MARKS = (LIN, "林知夏", PHONE, "own-word-7", "planted street 4711", "483920")


def test_planted_values_are_in_no_file_log_error_or_view(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with Ledger.open(tmp_path / "city.db") as ledger:
        city = City(ledger)
        site = {"channel": "site", "card_number": "000013"}
        for operation, details in (
            ("password", {"password": "own-word-7"}),
            ("ecard_password", {"password": "483920"}),
            ("contact", {"address": "planted street 4711"}),
            ("formal", {}),
            ("replace", {**VALID, "address": "planted street 4711"}),
        ):
            answer = city.ask(operation, details=details, photo=photo())
            said.append(str(answer.document()))
            said.append(repr(answer))
        said.append(str(city.ask("balance", **site).document()))  # type: ignore[arg-type]
        for wrong in ("999999", "000014"):
            try:
                city.ask("balance", channel="site", card_number=wrong, name="林知夏")
            except ServiceRefusedError as error:
                said.append(f"{error} {error!r} {error.problem()}")
        deliver(city.centre, lambda one: not said.append(repr(one)))  # type: ignore[func-returns-value]
    said.append(caplog.text)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for mark in MARKS:
        assert mark.encode() not in kept, mark
        assert all(mark not in text for text in said), mark


def test_what_is_enciphered_opens_under_its_key_and_in_its_place() -> None:
    sealed = KEYS.seal("person:1", b"key of a person")
    assert KEYS.open("person:1", sealed) == b"key of a person"
    for keys, place, content in (
        (KEYS, "person:2", sealed),
        (ServiceKeys(bytes(32)), "person:1", sealed),
        (KEYS, "person:1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEYS, "person:1", b""),
    ):
        with pytest.raises(ValueError, match="not of this key file, or changed"):
            keys.open(place, content)
