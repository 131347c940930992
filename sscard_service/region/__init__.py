# SPDX-License-Identifier: Apache-2.0
"""What a region decides: channels, levels, time rules, working days, texts."""

from __future__ import annotations

from sscard_service.region.load import ServiceRegionError, default_text, load_region
from sscard_service.region.model import ChannelRules, ServiceRegion
from sscard_service.region.workdays import DueDay, add_working_days, is_working_day

__all__ = [
    "ChannelRules",
    "DueDay",
    "ServiceRegion",
    "ServiceRegionError",
    "add_working_days",
    "default_text",
    "is_working_day",
    "load_region",
]
