# SPDX-License-Identifier: Apache-2.0
"""Pages for citizens: the self-service terminal and the website, out of the same templates.

| where | what |
|---|---|
| :mod:`.menu` | the four menus and their items, as data |
| :mod:`.desk` | what both have: menus, forms, results |
| :mod:`.asking` | from a form to an operation of the centre, and back |
| :mod:`.offers` | choices that are a person's own: levels, bills, filings, papers |
| :mod:`.kiosk` | ``Kiosk``: one visitor, a card slot, a warning, an end |
| :mod:`.site` | ``Site``: many visitors, number and password |
| :mod:`.slot` | the card through the terminal's driver |
| :mod:`.devices` | camera, scanner and printer of a kiosk, simulated by files |
| :mod:`.visitors` | who is there, in memory only |
| :mod:`.views` | what of an answer is shown, and how |
| :mod:`.english` | names of states and insurances in English |
| :mod:`.pinyin` | Chinese by the letters of its sound |

A new item is a row of :data:`.menu.ITEMS`. Pages decide nothing: they ask
:meth:`~sscard_service.ServiceCentre.perform` in the channel ``kiosk`` or ``site``.
"""

from __future__ import annotations

from sscard_chip.standard.errors import importing

with importing("service", "pages for citizens"):
    import jinja2  # noqa: F401
    import pypinyin  # noqa: F401
    import python_multipart  # noqa: F401
    import starlette  # noqa: F401

from sscard_service.pages.kiosk import IDLE_SECONDS, WARNING_SECONDS, Kiosk
from sscard_service.pages.menu import ITEMS, MENUS, FormField, MenuItem
from sscard_service.pages.site import Site
from sscard_service.pages.slot import HeldItem, ImagePort, KioskSlot, ReaderPort, SlotError

__all__ = [
    "IDLE_SECONDS",
    "ITEMS",
    "MENUS",
    "WARNING_SECONDS",
    "FormField",
    "HeldItem",
    "ImagePort",
    "Kiosk",
    "KioskSlot",
    "MenuItem",
    "ReaderPort",
    "Site",
    "SlotError",
]
