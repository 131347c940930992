# SPDX-License-Identifier: Apache-2.0
"""Exchanges with a card or a PSAM as lines that a person can read, or as packets."""

from sscard_chip.trace.pcapng import PcapngFile
from sscard_chip.trace.tracer import Tracer

__all__ = ["PcapngFile", "Tracer"]
