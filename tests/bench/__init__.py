# SPDX-License-Identifier: Apache-2.0
"""What stands on the test bench: cards whose keys are known, and the other half of every exchange.

- ``exchange``: commands and their answers, the same for all; a powered card on the bench.
- ``issued``: an issued card and whoever knows its keys; ``blank``: a card before it is issued.
- ``account`` and ``purse``: a terminal in front of the medical account, of deposit and purse;
  ``account_cards`` and ``purse_cards`` make cards in any state of these.
- ``bank``: a bank application with terminal and issuer; ``sam``: a PSAM.
- ``desk``, ``shop``, ``shell``: whole places with a card and a PSAM in them.
- ``reference``: the cryptograms, written out from the standard once more. The half that stands
  against a card computes with these and never with the function that the card has.
"""
