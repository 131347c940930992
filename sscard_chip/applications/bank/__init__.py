# SPDX-License-Identifier: Apache-2.0
"""The bank application: PBOC debit/credit, electronic cash and qPBOC (payment page, part B).

PSE, PPSE and each ADF are directories of their own below the MF. What an ADF holds is declared
in ``sscard_chip.profile.bank``; a running card finds everything in its memory.

===================  ==============================================================
module               subject
===================  ==============================================================
``data``             the internal data file: parameters, limits, counters
``states``           the transaction, its states, and which command each one takes
``application``      an ADF as the commands see it: data, records, keys, PIN, log
``selection``        SELECT, the FCIs, the directories PSE and PPSE
``reading``          READ RECORD and GET DATA
``initiation``       GET PROCESSING OPTIONS, contact and contactless
``risk``             card risk management and the card verification results
``cryptogram``       GENERATE AC, the application cryptogram and what goes with it
``authentication``   GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE, VERIFY
``scripts``          issuer scripts under secure messaging
``activation``       how a dormant application is woken at the bank's counter
===================  ==============================================================
"""

from __future__ import annotations

from sscard_chip.applications.bank.activation import ACTIVATION
from sscard_chip.applications.bank.instructions import BANK
from sscard_chip.applications.bank.selection import enter as enter_bank

__all__ = ["ACTIVATION", "BANK", "enter_bank"]
