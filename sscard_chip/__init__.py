# SPDX-License-Identifier: Apache-2.0
"""The Chinese social security card (社会保障卡) as software.

Where to begin:

- **Issue a card.** :func:`issuance.roots.create_roots` makes test root keys,
  :class:`issuance.holder.Holder` is whose card it is, and
  :func:`issuance.personalise.issue_card` gives its memory. ``sscard issue`` does the same.
- **Talk to a card.** :meth:`Card.open` takes an image file, ``Card(memory)`` a memory; then
  :meth:`Card.power_on` and :meth:`Card.transmit`, whole commands in and whole answers out.
- **Put it into a reader.** :mod:`sscard_chip.reader` answers as over T=0 or without contacts, and
  shows the card to every PC/SC program.
- **Be the terminal.** :mod:`sscard_chip.terminal` has connections to cards in process and in
  readers, the driver of LD/T 33 and the pharmacy till; :mod:`sscard_chip.settlement` is the
  centre behind it.
- **Test your program.** :mod:`issuance.pytest_plugin` gives pytest the fixtures ``issue_sscard``,
  ``sscard_holder``, ``sscard_roots`` and ``sscard_bank``, in every project where this package is
  installed.

>>> from issuance.holder import Holder
>>> from issuance.personalise import issue_card
>>> from issuance.roots import create_roots
>>> holder = Holder.from_object(
...     {
...         "social_security_number": "990000200102030012",
...         "name": "林知夏",
...         "sex": "1",
...         "nation": "01",
...         "birthplace": "510104",
...         "birth_date": "20010203",
...         "card_number": "Z00000013",
...         "city": "510100",
...     }
... )
>>> card = Card(issue_card(3, create_roots(), holder))
>>> card.power_on()[:2].hex()
'3b6d'
>>> card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:].hex()
'9000'
>>> card.transmit(bytes.fromhex("00B2072C00"))
b'\\x07\\tZ00000013\\x90\\x00'
"""

from sscard_chip.card import Card, NotPoweredError
from sscard_chip.memory import CardImageError, CardInUseError, Durability
from sscard_chip.standard.status import StatusError, StatusWord

__all__ = [
    "Card",
    "CardImageError",
    "CardInUseError",
    "Durability",
    "NotPoweredError",
    "StatusError",
    "StatusWord",
]
