# SPDX-License-Identifier: Apache-2.0
"""The hotline 12333 (电话自助): a flow of menus and entries, played by telephone or as text.

The flow is a document (TOML); :class:`IvrCall` plays it on a :class:`CallerLine` and asks the
service centre, nothing more. :class:`IvrServer` is a FastAGI server, to which Asterisk brings
calls; :class:`TextLine` is the same in a terminal.
"""

from __future__ import annotations

from sscard_service.ivr.call import CallEnd, IvrCall
from sscard_service.ivr.fastagi import AgiLine, IvrServer
from sscard_service.ivr.flow import (
    FlowStep,
    IvrFlow,
    IvrFlowError,
    default_flow_text,
    load_flow,
)
from sscard_service.ivr.line import CallerLine, HungUpError, Spoken
from sscard_service.ivr.text import TextLine

__all__ = [
    "AgiLine",
    "CallEnd",
    "CallerLine",
    "FlowStep",
    "HungUpError",
    "IvrCall",
    "IvrFlow",
    "IvrFlowError",
    "IvrServer",
    "Spoken",
    "TextLine",
    "default_flow_text",
    "load_flow",
]
