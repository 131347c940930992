# SPDX-License-Identifier: Apache-2.0
"""The bank's part of a social security card: its keys, the account on the card, the link.

The bank has its own store of root keys (:mod:`~issuance.bank.roots`) and its own certificates
(:mod:`~issuance.bank.authority`), never those of the social security side. The account of a
``HOLDER.json`` (:mod:`~issuance.bank.account`) becomes the card's bank application
(:mod:`~issuance.bank.personalise`); what happens to the link later is done at a desk
(:mod:`~issuance.bank.desk`) and written into a ledger (:mod:`~issuance.bank.ledger`).
"""

__all__ = [
    "account",
    "authority",
    "desk",
    "ledger",
    "personalise",
    "roots",
]
