# SPDX-License-Identifier: Apache-2.0
"""政策: the region's texts, for anybody."""

from __future__ import annotations

from typing import Annotated, Any

from sscard_chip.standard.documents import Model, rule
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.work import OperationEffect, Work, operation


class TextDetails(Model, frozen=True):
    """Which text; all of them without a name."""

    WHAT = "the details"

    text: Annotated[str, rule("must be a name of a text", pattern="[a-z_]{0,40}")] = ""


@operation("policy", OperationEffect.SHOWS, TextDetails, about="nothing")
def show_policy(work: Work, details: TextDetails) -> dict[str, Any]:
    """Texts of the region in both languages, and its time rules."""
    texts = work.region.texts
    if details.text and details.text not in texts:
        raise ServiceRefusedError(Code.NOT_FOUND)
    chosen = [details.text] if details.text else list(texts)
    return {
        "texts": {
            name: {"chinese": texts[name].chinese, "english": texts[name].english}
            for name in chosen
        },
        "temporary_loss_days": work.region.time.temporary_loss_days,
        "replacement_working_days": work.region.time.replacement_working_days,
    }
