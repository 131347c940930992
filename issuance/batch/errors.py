# SPDX-License-Identifier: Apache-2.0
"""What can stop a batch; each with one clear line."""

from __future__ import annotations


class BatchError(ValueError):
    """A batch that cannot be started or exported from: wrong folder, wrong file, wrong option."""


class BatchStoppedError(Exception):
    """A batch that stopped in the middle and can be resumed: disk, key store, worker."""
