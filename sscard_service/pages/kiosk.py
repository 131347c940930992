# SPDX-License-Identifier: Apache-2.0
"""The self-service terminal (自助服务终端): one visitor at a time, who leaves nothing behind.

After 30 s without a touch it asks, 30 s later it ends; a card that is taken out ends it at once.
The centre's channel is ``kiosk``. Serve it to loopback only: it trusts whoever stands before it.
"""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sscard_chip.closing import Closing
from sscard_chip.faults import describe_fault
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.models import Model, find
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import SeenDocument, ServiceEvidence, ServiceSubject
from sscard_service.pages.asking import Form
from sscard_service.pages.desk import PageDesk
from sscard_service.pages.devices import KioskDevices
from sscard_service.pages.http import HEADERS, go, page
from sscard_service.pages.menu import IDENTITY, PASSWORD, PICTURES, PIN, TAIL, FormField, MenuItem
from sscard_service.pages.pinyin import characters
from sscard_service.pages.slot import ImagePort, KioskSlot, SlotError
from sscard_service.pages.views import View
from sscard_service.pages.visitors import Shown, Visitor, Visitors
from sscard_service.pages.words import PageText

IDLE_SECONDS: Final = 30
"""Without a touch, until the page asks whether anybody is there."""
WARNING_SECONDS: Final = 30
"""From then until the visit ends."""
_LOOK_SECONDS: Final = 0.25
_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_WAYS: Final[dict[str, tuple[PageText, PageText, tuple[FormField, ...]]]] = {
    "card": (
        PageText("社保卡", "Card"), PageText("请输入卡密码。", "Type the PIN of the card."), (PIN,),
    ),
    "identity": (
        PageText("身份证（模拟）", "Identity card (simulated)"),
        PageText("请输入身份证上的号码和查询密码。",
              "Type what the reader would read, and your query password."),
        (IDENTITY, PASSWORD),
    ),
    "number": (
        PageText("号码", "Number"),
        PageText("可查询余额和卡状态，可挂失。", "Shows balance and state, and reports a loss."),
        (IDENTITY, TAIL),
    ),
}  # fmt: skip
_LOG: Final = logging.getLogger(__name__)
_SLOT_TEXTS: Final[dict[str, PageText]] = {
    "no_card": PageText("卡已取出，请重新插卡。", "The card is out: insert it again."),
    "not_genuine": PageText("该卡未通过验证，请到柜台办理。",
                         "The card did not prove itself: go to the counter."),
    "other_card": PageText("不是开始时的那张卡。", "This is not the card you began with."),
    "pin_wrong": PageText("卡密码错误，剩余次数：", "The PIN is wrong; tries left: "),
    "pin_locked": PageText("卡密码已锁定，请持身份证到柜台重置。",
                        "The PIN is locked: go to the counter with your identity card."),
    "pins_differ": PageText("两次输入的新密码不一致。", "The two new PINs differ."),
    "pin_format": PageText("密码为4至12位数字，且不能是初始密码。",
                        "A PIN has 4 to 12 digits and is not an initial one."),
    "card": PageText("无法读卡，请到柜台办理。", "The card cannot be read: go to the counter."),
}  # fmt: skip
_TYPED: Final = ("pin_wrong", "pins_differ", "pin_format")
"""What another entry may mend."""
_CHANGED: Final = PageText("密码已修改。", "The PIN was changed.")
_HEADS: Final = (PageText("类别", "File"), PageText("项目", "Item"), PageText("内容", "Value"))
_NOTHING: Final = PageText("卡内没有记录。", "The card holds nothing of the kind.")
_PRINTED: Final = PageText("正在打印，请取走文件。", "It is being printed: take the paper.")
_NO_PRINTER: Final = PageText(
    "打印机不可用，文件未交付，可稍后重新打印（副本）。",
    "No printer: the paper was not delivered. It can be printed again, as a copy.",
)
_AGAIN: Final = PageText("照片不合格，请重拍：", "This will not do, take another: ")


class Kiosk(PageDesk, Closing):
    """A kiosk with a card slot; ``papers`` is the folder that papers are printed into, ``camera``
    and ``scanner`` the files that these see (:mod:`.devices`).

    ``seconds`` is its clock. :meth:`close` ends the visit and gives the reader back.
    """

    channel = "kiosk"

    def __init__(
        self,
        centre: ServiceCentre,
        slot: KioskSlot,
        *,
        device: str = "kiosk-1",
        papers: Path | None = None,
        camera: Path | None = None,
        scanner: Path | None = None,
        seconds: Callable[[], float] = clock.monotonic,
    ) -> None:
        span = IDLE_SECONDS + WARNING_SECONDS
        visitors = Visitors(seconds, span, single=True, ended=self._ended)
        super().__init__(centre, visitors, device)
        self.slot = slot
        self.devices = KioskDevices(papers, camera, scanner)
        self._lock = RLock()
        self._over = Event()
        self._watch = Thread(target=self._look, name="kiosk slot", daemon=True)
        self._watch.start()

    def close(self) -> None:
        """End the visit that is, and leave the slot."""
        self._over.set()
        self._watch.join()
        with self._lock:
            self.visitors.end_all()
        self.slot.port.close()

    def application(self) -> Starlette:
        """The pages as an application."""
        return Starlette(routes=self.routes)

    @property
    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            *super().routes,
            Route("/", self.open_get(self._start)),
            Route("/begin", self.open_post(self._begin), methods=["POST"]),
            Route("/sign-in/{way}", self.get(self._sign_in_page)),
            Route("/sign-in/{way}", self.post(self._sign_in), methods=["POST"]),
            Route("/take/{item}/{field}", self.post(self._take), methods=["POST"]),
            Route("/state", self.open_get(self._state)),
            Route("/alive", self.post(self._alive), methods=["POST"]),
            Route("/pinyin", self.post(self._pinyin), methods=["POST"]),
            Route("/slot", self.open_post(self._move_card), methods=["POST"]),
            Route("/{unknown:path}", self.get(self._unknown)),
        ]

    # --- the visit -------------------------------------------------------------------------------

    def allows(self, request: Request) -> bool:
        """Asked for by this machine's own name: no other page's name leads here."""
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return name in _HOSTS and super().allows(request)

    def still_here(self, visitor: Visitor) -> bool:
        """A visit that began with a card ends with it."""
        if visitor.card is None or self.slot.present():
            return True
        self.visitors.end(visitor)
        return False

    def _guarded(self, work: Any, request: Request, form: Form, posted: bool) -> Response:
        with self._lock:  # one visitor, one thing at a time
            return super()._guarded(work, request, form, posted)

    def _look(self) -> None:
        """Ends what is over, whether a page asks or not."""
        while not self._over.wait(_LOOK_SECONDS):
            try:
                with self._lock:
                    self.visitors.sweep()
                    for visitor in self.visitors.all():
                        self.still_here(visitor)
            except Exception as fault:  # of this look; whoever is here is looked for again
                _LOG.error("kiosk: %s", describe_fault(fault))

    def _ended(self, visitor: Visitor) -> None:
        for path in visitor.prints:
            if self.devices.take_back(path) and path in visitor.codes:  # nobody has taken it
                self._undelivered(visitor, visitor.codes[path])
        if visitor.token:
            with suppress(SscardError):  # it ends by its time
                self.ask("logout", visitor, subject=ServiceSubject())

    def _start(self, request: Request) -> Response:
        if not self.allows(request):
            return self.bad()
        language = request.query_params.get("language", "zh")
        shown = page(
            "start", desk=self, ways={name: one[0].of(language) for name, one in _WAYS.items()},
            card=self.slot.present(), **self.words(language),
        )  # fmt: skip
        return self.cleared(shown)

    def _begin(self, _request: Request, form: Form) -> Response:
        with self._lock:
            _, response = self.welcome(form.get("language", "zh"))
        way = form.get("way", "")
        response.headers["location"] = f"/sign-in/{way}" if way in _WAYS else "/menu/public"
        return response

    def _state(self, request: Request) -> Response:
        """What the page's script asks once a second; asking keeps nobody here."""
        visitor, left = None, 0.0
        with self._lock:
            visitor = self.visitors.find(request.cookies.get("visit", ""))
            if visitor is not None and self.still_here(visitor):
                left = self.visitors.left(visitor)
        state = "end" if not left else "warn" if left <= WARNING_SECONDS else "on"
        state_now = {"state": state, "left": int(left), "card": self.slot.present()}
        return JSONResponse(state_now, headers=dict(HEADERS))

    def _alive(self, _request: Request, _visitor: Visitor, _: Form) -> Response:
        return JSONResponse({}, headers=dict(HEADERS))

    def _pinyin(self, _request: Request, _visitor: Visitor, form: Form) -> Response:
        return JSONResponse(characters(form.get("letters", "")), headers=dict(HEADERS))

    def _move_card(self, _request: Request, form: Form) -> Response:
        """Put the image in, take it out: a card of the program's own has no hands."""
        port = self.slot.port
        if not isinstance(port, ImagePort):
            return self.bad()
        with self._lock, suppress(SscardError, OSError):  # else the slot stays as it is
            port.insert() if form.get("to") == "in" else port.remove()
        return go("/")

    def _unknown(self, _request: Request, _visitor: Visitor, _: Form) -> Response:
        """An address that there is not: a touch screen has no way back from it."""
        return go("/menu/enquiry")

    # --- who it is -------------------------------------------------------------------------------

    def stronger(self, visitor: Visitor) -> str:
        """The card in the slot; beside one that is not enough, the identity card."""
        return "/sign-in/identity" if visitor.card or not self.slot.present() else "/sign-in/card"

    def sign_in(self, visitor: Visitor, item: MenuItem) -> Response:
        """The card if there is one, else a choice."""
        visitor.wanted = item.name
        card = item.kind == "card" or self.slot.present()
        return go("/sign-in/card" if card else "/sign-in/identity")

    def _sign_in_page(
        self, request: Request, visitor: Visitor, _: Form, error: str = ""
    ) -> Response:
        way = str(request.path_params["way"])
        if way not in _WAYS:
            return go("/menu/enquiry")
        title, hint, fields = _WAYS[way]
        return self.show(
            "sign_in", visitor, title=title.of(visitor.language), way=way, error=error,
            hint=hint.of(visitor.language), fields=fields, card=self.slot.present(),
            ways={name: one[0].of(visitor.language) for name, one in _WAYS.items()},
        )  # fmt: skip

    def _sign_in(self, request: Request, visitor: Visitor, form: Form) -> Response:
        way = str(request.path_params["way"])
        if way not in _WAYS:
            return go("/menu/enquiry")
        try:
            if way == "card":
                visitor.card = self.slot.prove(form.get("pin", ""))
                visitor.token = ""
            else:
                self._log_in(way, visitor, form)
        except SlotError as error:
            return self._sign_in_page(request, visitor, form, slot_text(error, visitor.language))
        except ServiceRefusedError as error:
            said = error.english if visitor.language == "en" else error.chinese
            return self._sign_in_page(request, visitor, form, said)
        wanted, visitor.wanted = visitor.wanted, ""
        return go(f"/do/{wanted}" if wanted else "/menu/enquiry")

    def _log_in(self, way: str, visitor: Visitor, form: Form) -> None:
        identity = form.get("identity", "").strip()
        _refuse_broken(ServiceSubject, {"identity": identity})
        if way == "identity":
            evidence = ServiceEvidence(
                identity_card=SeenDocument(identity), query_password=form.get("query_password", "")
            )
        else:
            evidence = ServiceEvidence(card_number=form.get("card_number", "").strip())
        data = self.ask("login", visitor, subject=ServiceSubject(identity=identity),
                        evidence=evidence)  # fmt: skip
        visitor.token, visitor.card = data["token"], None

    # --- items of the kiosk alone ----------------------------------------------------------------

    def offers(self, item: MenuItem) -> bool:
        """Items of the card as well."""
        return item.kind == "card" or super().offers(item)

    def form(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """An item; one of the card needs the card."""
        item = self.item_of(request)
        if item is not None and item.kind == "card" and visitor.card is None:
            return self.sign_in(visitor, item)
        return super().form(request, visitor, form)

    def done(self, visitor: Visitor, item: MenuItem, form: Form) -> Shown:
        """Items of the card are done by the slot, papers are printed, all others by the centre."""
        if item.kind != "card":
            shown = super().done(visitor, item, form)
            return self._print(visitor, shown) if item.kind in ("paper", "reprint") else shown
        language, title = visitor.language, item.label.of(visitor.language)
        if visitor.card is None:
            return Shown(title, refused=_SLOT_TEXTS["no_card"].of(language), item=item.name)
        try:
            if item.name == "pin":
                pins = (form.get("pin", ""), form.get("new", ""), form.get("again", ""))
                self.slot.change_pin(*pins, card=visitor.card.card_id_code)
                return Shown(title, View(texts=[_CHANGED.of(language)]), item=item.name)
            held = self.slot.contents(form.get("pin", ""), card=visitor.card.card_id_code)
        except SlotError as error:
            return Shown(
                title, refused=slot_text(error, language), item=item.name,
                again=error.code in _TYPED,
            )  # fmt: skip
        view = View(
            heads=[one.of(language) for one in _HEADS] if held else [],
            rows=[[one.file.of(language), one.item.of(language), one.value] for one in held],
            empty="" if held else _NOTHING.of(language),
        )
        return Shown(title, view, item=item.name)

    def _print(self, visitor: Visitor, shown: Shown) -> Shown:
        """Give a paper to the printer; it is removed with the visit. One that cannot be printed is
        reported, so that the next print of it is a copy."""
        if shown.refused or not shown.pdf:
            return shown
        pdf, shown.pdf = shown.pdf, ""
        try:
            path = self.devices.print(pdf)
        except OSError:
            self._undelivered(visitor, shown.code)
            shown.refused = _NO_PRINTER.of(visitor.language)
            return shown
        visitor.prints.append(path)
        visitor.codes[path] = shown.code
        shown.view.texts.append(_PRINTED.of(visitor.language))
        return shown

    def _undelivered(self, visitor: Visitor, code: str) -> None:
        with suppress(SscardError):  # the print stands as it was counted
            self.ask("undelivered", visitor, {"code": code})

    def can_ask(self, field: FormField) -> bool:
        """A picture needs the device that takes it."""
        return field.keys not in PICTURES or self.devices.has(field.keys)

    def _take(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """Take the picture of a field; the form comes back with it, and with what was typed."""
        item, name = self.item_of(request), str(request.path_params["field"])
        field = next((one for one in item.fields if one.name == name), None) if item else None
        if item is None or field is None or not (visitor.known and self.can_ask(field)):
            return go("/menu/enquiry")
        error = ""
        try:
            visitor.pictures[name] = self.devices.take(field.keys, self.centre.region)
        except ServiceRefusedError as refused:
            visitor.pictures.pop(name, None)
            error = self.refused_picture(refused, visitor.language)
        return self.form_again(visitor, item, form, error)

    def refused_picture(self, refused: ServiceRefusedError, language: str) -> str:
        """What is wrong with a picture."""
        said = refused.english if language == "en" else refused.chinese
        rule = str(refused.details.get("rule", ""))
        return f"{_AGAIN.of(language)}{rule or said}"


def slot_text(error: SlotError, language: str) -> str:
    """What a visitor is told of the card."""
    said = _SLOT_TEXTS[error.code].of(language)
    return f"{said}{error.tries}" if error.code == "pin_wrong" else said


def _refuse_broken(model: type[Model], value: dict[str, str]) -> None:
    """Refuse what was typed before it becomes a model.

    :raises ServiceRefusedError: FORMAT.
    """
    broken = find(model, value)
    if broken:
        raise ServiceRefusedError(Code.FORMAT, field=broken[0].item, rule=broken[0].rule)
