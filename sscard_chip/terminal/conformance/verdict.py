# SPDX-License-Identifier: Apache-2.0
"""Verdicts of cases, and what ends a case before its last step.

A case that runs to its end passes. What it raises says how else it ended: a card that answers
something else than the standard says (:class:`DeviatingAnswerError`), a step before the one that is
judged that did not work (:class:`UndecidedError`), a card without the part that is asked for
(:class:`NotApplicableError`).
"""

from __future__ import annotations

from enum import StrEnum, unique

from sscard_chip.standard.errors import TerminalError


@unique
class CaseVerdict(StrEnum):
    """How a case ended.

    ``WARN`` is a deviation from a fact of confidence L, which nobody prints: it never fails a
    card. ``ERROR`` is a reader or a program that failed, and says nothing of the card.
    """

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not applicable"
    NOT_RUN = "not run"
    ERROR = "error"


class JudgementError(TerminalError):
    """What ends a case before its end. The text holds no PIN, key or citizen's data."""


class DeviatingAnswerError(JudgementError):
    """The card does another thing than the standard says."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expected {expected}, received {received}")
        self.expected = expected
        self.received = received


class UnaskedFailureError(DeviatingAnswerError):
    """63Cx where no case asked for it: a try of the PIN or of a key is gone."""


class UndecidedError(JudgementError):
    """A step that leads to what is judged did not work, so nothing is known of that."""


class NotApplicableError(JudgementError):
    """The card has no such part, by its statement or by what it says of itself."""


class NotRunError(JudgementError):
    """Something that the case needs was not given to the run."""
