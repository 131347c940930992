# SPDX-License-Identifier: Apache-2.0
"""A store as a context manager: closed at the end of its block."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """For stores, which all have ``close``."""

    def close(self) -> None:
        """Forget keys, passphrase and session."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
