# SPDX-License-Identifier: Apache-2.0
"""A small invented city: two persons with a card each, a clock that the test sets."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np

from sscard_chip.settlement.ledger import CardColumns, Ledger, LedgerTransaction, register_cards
from sscard_service import (
    CardProof,
    Code,
    SeenDocument,
    ServiceActor,
    ServiceAnswer,
    ServiceCentre,
    ServiceEvidence,
    ServiceRefusedError,
    ServiceRegion,
    ServiceSubject,
    load_region,
)
from sscard_service.store.authority import new_test_authority
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.secrets import ServiceKeys

DIVISION: Final = 990100
LIN: Final = "990000199001010017"
"""Identity number of 林知夏; her check digit is computed by hand: MOD 11-2 of the 17 digits."""
WANG: Final = "990000198503120027"
LIN_CARD: Final = "Z00000013"
WANG_CARD: Final = "Z00000021"
NOBODY: Final = "990000197001010034"
PHONE: Final = "19900001234"
START: Final = datetime(2026, 3, 2, 9, 0, 0)
KEYS: Final = ServiceKeys(bytes(range(32)), new_test_authority())


def columns(number: str, serial: int, psn_no: str, fen: int = 0) -> CardColumns:
    """One card as a register has it."""
    code = bytes.fromhex("990100D156000005") + serial.to_bytes(8, "big")
    return CardColumns(
        np.array([number.encode()], "S9"),
        np.frombuffer(code, np.uint8).reshape(1, 16),
        np.array([DIVISION]),
        np.array([psn_no.encode()], "S30"),
        np.full((1, 8), serial % 256, np.uint8),
        np.array([20351231]),
        np.array([fen]),
    )


def code_of(serial: int) -> str:
    """The 卡识别码 of the card with this serial number, hex."""
    return (bytes.fromhex("990100D156000005") + serial.to_bytes(8, "big")).hex().upper()


@dataclass
class City:
    """A service centre on a ledger, with its clock."""

    ledger: Ledger
    now: datetime = START
    region: ServiceRegion = field(default_factory=load_region)
    requests: int = 0
    settled: bool = False
    """Whether the persons are there already."""

    def __post_init__(self) -> None:
        proof = msgspec.structs.replace(self.region.proof, wrong_answer_ms=0)
        self.region = msgspec.structs.replace(self.region, proof=proof)
        self.centre = ServiceCentre(self.ledger, KEYS, self.region, lambda: self.now)
        if not self.settled:
            self.ledger.run(_settle_in, exclusive=True)

    def later(self, **step: float) -> None:
        """Move the clock."""
        self.now += timedelta(**step)

    def ask(
        self,
        operation: str,
        identity: str = LIN,
        channel: str = "office",
        *,
        request: str = "",
        card: str = "",
        receipt: str = "",
        clerk: str = "0017",
        device: str = "",
        source: str = "",
        details: dict[str, Any] | None = None,
        proof: CardProof | None = None,
        **evidence: Any,
    ) -> ServiceAnswer:
        """An operation; in the office and at the bank's counter the document is seen."""
        self.requests += 1
        if proof is not None:
            evidence["card"] = proof
        counter = channel in ("office", "bank")
        if counter and identity and "document" not in evidence:
            evidence["document"] = SeenDocument(identity, copy=True)
        return self.centre.perform(
            operation,
            ServiceSubject(identity=identity, card=card, receipt=receipt),
            ServiceActor(
                "clerk" if counter else "holder", clerk if counter else "", device, source
            ),
            channel,
            ServiceEvidence(**evidence),
            request or f"test-{self.requests}",
            details,
        )

    def refused(self, *args: Any, **given: Any) -> Code:
        """The code of an operation that is not done."""
        try:
            answer = self.ask(*args, **given)
        except ServiceRefusedError as error:
            return error.code
        raise AssertionError(answer.data)


def _settle_in(t: LedgerTransaction) -> None:
    persons = [
        ("51000001", "990100", PersonData("林知夏", LIN, phone=PHONE, birth_date="19900101")),
        ("51000002", "990100", PersonData("王明远", WANG, bank="102")),
    ]
    add_persons(t, KEYS, persons, "20260101000000")
    for number, serial, psn_no, fen in (
        (LIN_CARD, 1, "51000001", 12_345),
        (WANG_CARD, 2, "51000002", 500),
    ):
        register_cards(t, columns(number, serial, psn_no, fen), "20260101", f"cards {serial}")


def photo(
    width: int = 358, height: int = 441, mode: str = "RGB", *, top: int = 20, left: int = 89,
    wide: int = 179, frame: bool = False, **saving: Any,
) -> str:  # fmt: skip
    """A face-like picture on white as JPEG in Base64: about 20 KB, as S7 wants it.

    ``top``, ``left`` and ``wide`` are where the face lies, in pixels.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (width, height), "white")
    noise = Image.effect_noise((max(1, width // 2), max(1, height // 2)), 60).convert("RGB")
    picture.paste(noise, (width // 4, height // 4))
    if height > 100:
        face = (left, top, left + wide, height - 60)
        if (left, wide) != (89, 179):  # the noise is no wider than the face
            picture.paste("white", (0, 0, width, height))
            picture.paste(noise.resize((wide, 260)), (left, top + 60))
        ImageDraw.Draw(picture).ellipse(face, outline="black")
        if frame:
            ImageDraw.Draw(picture).rectangle((0, 30, width - 1, height - 1), outline="black")
    content = io.BytesIO()
    picture.convert(mode).save(content, "JPEG", **({"quality": 70, "dpi": (350, 350)} | saving))
    return base64.b64encode(content.getvalue()).decode()


VALID: Final = {"document_to": "20360101"}
"""Details of an application at the counter."""


def make_card(city: City, receipt: str, serial: int, number: str) -> None:
    """Review, batch, made, at the point."""
    city.ask("review", "", receipt=receipt, details={"accepted": True})
    city.ask("batch", "", receipt=receipt, details={"batch": "june"})
    made = {"card_number": number, "card_id_code": code_of(serial), "factor": "00" * 8}
    city.ask("made", "", receipt=receipt, details={**made, "valid_to": "20361231"})
    city.ask("arrive", "", receipt=receipt, details={"point": "1"})
