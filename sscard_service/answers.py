# SPDX-License-Identifier: Apache-2.0
"""What is answered to a request that was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAnswer:
    """What was done: ``data`` is what the operation shows, ``level`` what was proven.

    ``repeated`` says that it is the first answer to a request that came again.
    """

    operation: str
    request: str
    level: int
    data: dict[str, Any]
    repeated: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON goes out."""
        return {
            "code": "DONE", "operation": self.operation, "request": self.request,
            "level": self.level, "repeated": self.repeated, "data": self.data,
        }  # fmt: skip
