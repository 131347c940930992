# SPDX-License-Identifier: Apache-2.0
"""Card services (卡服务): what a citizen does with the card, in every channel, on one truth.

One function does everything: :meth:`ServiceCentre.perform`. HTTP, kiosk, hotline, counter and
command line translate into it and out of it. A card has one state, the ledger's.

| where | what |
|---|---|
| :mod:`.centre` | ``ServiceCentre``: opened on a ledger, ``perform`` |
| :mod:`.evidence` | whom it is about, who asks, what is shown: three typed models |
| :mod:`.levels` | levels of proof, what proves what, the least level of each operation |
| :mod:`.proving` | from evidence to a level, waits after wrong proofs |
| :mod:`.work` | operations as data, and what the function of one works with |
| :mod:`.operations` | the operations, a module a subject |
| :mod:`.levelling` | the allocation list of a month out of level choices |
| :mod:`.papers`, :mod:`.printing` | papers with seal and signature: content, page, print, check |
| :mod:`.region` | a region's document: channels, time rules, working days, texts |
| :mod:`.records`, :mod:`.loading` | insurance data of a person, and the file that brings persons |
| :mod:`.store` | the tables: persons, proofs, audit, outbox; keys and enciphering |
| :mod:`.ivr` | the hotline: its flow, FastAGI, text |
| :mod:`.errors` | codes of what was not done, in Chinese and English |
| :mod:`.masks` | how numbers and names are shown |

A new operation: a least level in :data:`.levels.LEAST`, a function under ``@operation`` in a
module of :mod:`.operations` that its ``__init__`` imports, levels in the channels of
``region/default.toml``. What takes long (a hash, a PDF) is its ``prepare``, which runs before the
transaction. Tables stand in :mod:`sscard_chip.settlement.schema.services`.
"""

from __future__ import annotations

import sscard_chip.settlement  # noqa: F401  it names the extra that is missing
from sscard_service.answers import ServiceAnswer
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import (
    CardProof,
    OtherPerson,
    SeenDocument,
    ServiceActor,
    ServiceEvidence,
    ServiceSubject,
)
from sscard_service.region import ServiceRegion, ServiceRegionError, load_region

__all__ = [
    "CardProof",
    "Code",
    "OtherPerson",
    "SeenDocument",
    "ServiceActor",
    "ServiceAnswer",
    "ServiceCentre",
    "ServiceEvidence",
    "ServiceRefusedError",
    "ServiceRegion",
    "ServiceRegionError",
    "ServiceSubject",
    "load_region",
]
