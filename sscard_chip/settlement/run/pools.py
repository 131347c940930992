# SPDX-License-Identifier: Apache-2.0
"""Who does the work of a run. Whoever needs root keys opens them where it works."""

from __future__ import annotations

from collections.abc import Callable

from sscard_chip import workers
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.errors import SettlementError

KeySource = Callable[[], KeyStore]
"""Opens the root keys; picklable, equal to another that opens the same. The run closes them."""


class RunStoppedError(SettlementError):
    """A run could not go on, and may be started again; one line."""


class SettlementCluster(workers.Cluster):
    """The workers of a Dask cluster.

    :raises ExtraMissingError:
    :raises RunStoppedError:
    """

    stopped = RunStoppedError
