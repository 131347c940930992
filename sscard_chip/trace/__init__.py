# SPDX-License-Identifier: Apache-2.0
"""Exchanges with a card or a PSAM as lines that a person can read."""

from sscard_chip.trace.tracer import Tracer

__all__ = ["Tracer"]
