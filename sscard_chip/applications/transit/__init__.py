# SPDX-License-Identifier: Apache-2.0
"""Transport application (交通联合, T-Union, JT/T 978) of a card of generation 3.

Optional: the purse of JR/T 0025 once more, with keys and money of its own and no PIN. Its engine
is :mod:`sscard_chip.applications.purse`; here stands what differs.
"""

from sscard_chip.applications.transit.instructions import TRANSIT
from sscard_chip.applications.transit.selection import enter as enter_transit

__all__ = ["TRANSIT", "enter_transit"]
