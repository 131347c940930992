# SPDX-License-Identifier: Apache-2.0
"""The security status of a powered card: what has been proven since power-on (LD/T 32.4)."""

from __future__ import annotations


class SecurityStatus:
    """Volatile rights.

    ``global_levels`` and ``local_levels`` are bit masks of the security levels 1..15 that keys
    of the environment and of the current ADF have set. ``verified_pin`` is the offset of the
    PIN record that VERIFY has proven (0: none). It lasts until power-off or until another
    application is entered, the rest until another DF becomes current. ``challenge`` is the last
    random of GET CHALLENGE, usable once. ``masters`` holds the offsets of the directories whose
    master key has been authenticated.
    """

    __slots__ = ("challenge", "global_levels", "local_levels", "masters", "verified_pin")

    def __init__(self) -> None:
        self.leave_application()

    def leave_application(self) -> None:
        """Drop everything: nothing that one application has proven counts in another."""
        self.verified_pin = 0
        self.leave_directory()

    def leave_directory(self) -> None:
        """Drop what does not outlive a change of the current DF."""
        self.global_levels = 0
        self.local_levels = 0
        self.challenge: bytes | None = None
        self.masters: set[int] = set()

    def take_challenge(self) -> bytes | None:
        """The last challenge, spent by this."""
        challenge, self.challenge = self.challenge, None
        return challenge
