# SPDX-License-Identifier: Apache-2.0
"""The PSAM (社会保障PSAM卡): the terminal's card, on the same engine as the holder's.

It keeps roots, or keys already diversified by province and city, and answers for a user card:
session keys for authentication and secure messaging, and both MACs of a purchase. Its clause is
the PSAM guide, part 9 of the draft of LD/T 32; what that says of SSF33 is taken for SM4 [M].

The session key register and an open purchase are volatile: ``Session.transaction`` holds one or
the other, so any failed command and any selection of another DF drops it.
"""

from __future__ import annotations

from typing import Final

from sscard_chip.applications.psam.instructions import PSAM

PSAM_KIND: Final = 1
"""What the system area of a PSAM's memory holds as its kind of card."""

__all__ = ["PSAM", "PSAM_KIND"]
