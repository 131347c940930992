# SPDX-License-Identifier: Apache-2.0
"""The suite for a PSAM: its files, its session keys, MAC1 and MAC2, both environments.

>>> run = run_psam_suite(ImageTarget(make_psam(roots, level=3, terminal_id="510100000001")),
...                      store=roots, level=Level.WRITE)
>>> run.passed
True
"""

from __future__ import annotations

from sscard_chip.terminal.conformance.psam.catalogue import psam_catalogue
from sscard_chip.terminal.conformance.psam.run import run_psam_suite
from sscard_chip.terminal.conformance.psam.subject import OwnSecrets, PsamSubject

__all__ = ["OwnSecrets", "PsamSubject", "psam_catalogue", "run_psam_suite"]
