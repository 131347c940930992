# SPDX-License-Identifier: Apache-2.0
"""What can stop a batch; each with one clear line."""

from __future__ import annotations

from sscard_chip.standard.errors import BAD_INPUT, IssuingError


class BatchError(IssuingError, ValueError):
    """A batch that cannot be started or exported from: wrong folder, wrong file, wrong option."""

    exit_code = BAD_INPUT


class BatchStoppedError(IssuingError):
    """A batch that stopped in the middle and can be resumed: disk, key store, worker."""
