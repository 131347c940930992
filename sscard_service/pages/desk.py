# SPDX-License-Identifier: Apache-2.0
"""The pages of a channel: menus, items, results; a kiosk and a website are made of it.

An item asks the service centre, which judges levels, states and everything else; a page says
what it has answered. A form carries its token and the number of its request: one that is sent
twice is done once.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sscard_chip.standard.amounts import grouped_yuan
from sscard_chip.standard.errors import SscardError
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceEvidence, ServiceSubject
from sscard_service.operations import OPERATIONS
from sscard_service.pages.http import FormError, go, page, read_form, static
from sscard_service.pages.menu import ITEMS, MENUS, FormField, MenuItem, find_item
from sscard_service.pages.views import View, day, show
from sscard_service.pages.visitors import Shown, Visitor, Visitors
from sscard_service.pages.words import LANGUAGES, PageText
from sscard_service.printing import print_paper

Form = Mapping[str, str]
PageHandler = Callable[[Request, Visitor, Form], Response]

_STRONGER: Final = (Code.LEVEL_TOO_LOW, Code.STALE)
_DONE: Final = PageText("已办理", "Done")
_CHECK: Final = PageText("请检查输入内容。", "Check what you have typed.")
_MISSING: Final = PageText("请填写：", "Still to be filled in: ")
_CHOSEN: Final = PageText("已选档次", "Chosen")


class PageDesk:
    """Pages of one channel on a centre. :attr:`routes` are its addresses."""

    channel = ""
    start = "/"
    stronger = "/"
    """Where a stronger proof is given."""
    secure = False

    def __init__(self, centre: ServiceCentre, visitors: Visitors, device: str = "") -> None:
        self.centre = centre
        self.visitors = visitors
        self.device = device

    @property
    def routes(self) -> list[Route]:
        """The addresses that all pages have."""
        return [
            Route("/static/{name}", self._static),
            Route("/menu/{menu}", self.get(self.menu)),
            Route("/do/{item}", self.get(self.form)),
            Route("/do/{item}", self.post(self.submit), methods=["POST"]),
            Route("/result", self.get(self.result)),
            Route("/language", self.post(self.language), methods=["POST"]),
            Route("/end", self.post(self.leave), methods=["POST"]),
        ]

    # --- around a request ------------------------------------------------------------------------

    def get(self, work: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        """A page of a visit; whoever has none sees the start."""

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._guarded, work, request, {}, False)

        return endpoint

    def post(self, work: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        """A form of a visit, with its token."""

        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request)
            except FormError:
                return self.bad()
            return await run_in_threadpool(self._guarded, work, request, form, True)

        return endpoint

    def open_post(self, work: Callable[[Request, Form], Response]) -> Callable[..., Any]:
        """A form that needs no visit."""

        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request)
            except FormError:
                return self.bad()
            if not self.allows(request):
                return self.bad()
            return await run_in_threadpool(work, request, form)

        return endpoint

    def _guarded(self, work: PageHandler, request: Request, form: Form, posted: bool) -> Response:
        if not self.allows(request):
            return self.bad()
        visitor = self.visitors.find(request.cookies.get("visit", ""))
        if visitor is None or not self.still_here(visitor):
            return self.cleared(go(self.start))
        sent = form.get("csrf", "").encode()
        if posted and not compare_digest(sent, visitor.csrf.encode()):
            return self.bad()
        self.visitors.touch(visitor)
        return work(request, visitor, form)

    def allows(self, request: Request) -> bool:
        """Whether a request may be one of our pages'."""
        return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")

    def still_here(self, visitor: Visitor) -> bool:
        """Whether the visit goes on."""
        return True

    def bad(self) -> Response:
        """A request that no page of ours has made."""
        return page("bad", 400, desk=self, **self.words("zh"))

    def cleared(self, response: Response) -> Response:
        """An answer after which the browser has nothing of a visit."""
        response.delete_cookie("visit", path="/", httponly=True, samesite="strict")
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response

    def welcome(self, language: str) -> tuple[Visitor, Response]:
        """A new visit, and the way to its first page."""
        visitor = self.visitors.begin(language if language in LANGUAGES else "zh")
        response = go("/menu/enquiry")
        response.set_cookie(
            "visit", visitor.cookie, path="/", httponly=True, samesite="strict",
            secure=self.secure,
        )  # fmt: skip
        return visitor, response

    def words(self, language: str) -> dict[str, Any]:
        """What every template has."""
        region = self.centre.region.name
        return {
            "language": language,
            "t": lambda chinese, english: english if language == "en" else chinese,
            "region": region.english if language == "en" else region.chinese,
            "menus": {name: text.of(language) for name, text in MENUS.items()},
        }

    def show(self, name: str, visitor: Visitor, **values: Any) -> Response:
        """A page of a visit."""
        common = self.words(visitor.language)
        menu = values.pop("menu", "")
        return page(name, desk=self, visitor=visitor, csrf=visitor.csrf, menu=menu,
                    **common, **values)  # fmt: skip

    async def _static(self, request: Request) -> Response:
        return static(str(request.path_params["name"])) or self.bad()

    # --- menus and items -------------------------------------------------------------------------

    def offers(self, item: MenuItem) -> bool:
        """Whether the channel has an item."""
        if item.kind == "card":
            return False
        rules = self.centre.region.channels.get(self.channel)
        return item.operation in OPERATIONS and rules is not None and item.operation in rules.levels

    def menu(self, request: Request, visitor: Visitor, _: Form) -> Response:
        """A menu with its items."""
        name = str(request.path_params["menu"])
        if name not in MENUS:
            return go("/menu/enquiry")
        items = [one for one in ITEMS if one.menu == name and self.offers(one)]
        return self.show("menu", visitor, menu=name, title=MENUS[name].of(visitor.language),
                         items=items)  # fmt: skip

    def item_of(self, request: Request) -> MenuItem | None:
        """The item that an address names."""
        item = find_item(str(request.path_params["item"]))
        return item if item is not None and self.offers(item) else None

    def form(self, request: Request, visitor: Visitor, form: Form, error: str = "") -> Response:
        """An item: its form, or at once what it shows."""
        item = self.item_of(request)
        if item is None:
            return go("/menu/enquiry")
        if item.known and not visitor.known:
            return self.sign_in(visitor, item)
        language = visitor.language
        if item.kind == "shows":
            return self.result_page(visitor, item, self.done(visitor, item, {}))
        fields, before = list(item.fields), View()
        if item.kind == "level":
            shown = self.levels(visitor, item)
            if isinstance(shown, Shown):
                return self.result_page(visitor, item, shown)
            fields, before = shown
        return self.show(
            "form", visitor, menu=item.menu, title=item.label.of(language), item=item,
            fields=fields, view=before, error=error, request_id=visitor.request(item.name),
            given={one.name: form.get(one.name, "") for one in fields if not one.secret},
        )  # fmt: skip

    def submit(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """A form that was sent: done, and the way to its result."""
        item = self.item_of(request)
        if item is None or item.kind == "shows" or (item.known and not visitor.known):
            return go("/menu/enquiry")
        language = visitor.language
        missing = [
            one for one in item.fields
            if (one.needed and not form.get(one.name, "").strip())
            or len(form.get(one.name, "")) > one.most
            or (one.choices and form.get(one.name) not in dict(one.choices))
        ]  # fmt: skip
        if missing:
            said = _MISSING.of(language) + missing[0].label.of(language)
            return self.form(request, visitor, form, said)
        number = form.get("request", "")
        if number and number != visitor.requests.get(item.name):
            return go("/result")  # sent twice, or from an old page: what was done stands there
        visitor.shown = self.done(visitor, item, form)
        visitor.done(item.name)
        return go("/result")

    def result(self, _request: Request, visitor: Visitor, _: Form) -> Response:
        """What was done last."""
        shown = visitor.shown
        item = None if shown is None else find_item(shown.item)
        if shown is None or item is None:
            return go("/menu/enquiry")
        return self.result_page(visitor, item, shown)

    def result_page(self, visitor: Visitor, item: MenuItem, shown: Shown) -> Response:
        """The page of a result."""
        return self.show("result", visitor, menu=item.menu, title=shown.title, shown=shown,
                         item=item, said=_DONE.of(visitor.language))  # fmt: skip

    def language(self, _request: Request, visitor: Visitor, form: Form) -> Response:
        """The other language, on the same menu."""
        if form.get("language") in LANGUAGES:
            visitor.language = form["language"]
        back = form.get("menu", "")
        return go(f"/menu/{back}" if back in MENUS else "/menu/enquiry")

    def leave(self, _request: Request, visitor: Visitor, _: Form) -> Response:
        """The end of a visit, by the visitor."""
        self.visitors.end(visitor)
        return self.cleared(go(self.start))

    def sign_in(self, visitor: Visitor, item: MenuItem) -> Response:
        """An item needs to know who it is."""
        raise NotImplementedError

    # --- asking the centre -----------------------------------------------------------------------

    def ask(
        self, operation: str, visitor: Visitor, details: Mapping[str, Any] | None = None, *,
        subject: ServiceSubject | None = None, evidence: ServiceEvidence | None = None,
        request_id: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """An operation for a visitor; what is answered.

        :raises ServiceRefusedError: it was not done.
        """
        answer = self.centre.perform(
            operation,
            visitor.subject if subject is None else subject,
            ServiceActor("holder", "", self.device, visitor.source or self.device),
            self.channel,
            visitor.evidence if evidence is None else evidence,
            request_id or f"page-{secrets.token_hex(16)}",
            details,
        )
        return answer.data

    def done(self, visitor: Visitor, item: MenuItem, form: Form) -> Shown:
        """Do an item; what is shown of it, also where it was refused."""
        title = item.label.of(visitor.language)
        try:
            data = self._ask_item(visitor, item, form)
        except ServiceRefusedError as error:
            return self.refused(visitor, item, error)
        except (SscardError, OSError):
            return self.refused(visitor, item, ServiceRefusedError(Code.DOWN))
        return Shown(title, show(item.operation, data, visitor.language), item=item.name,
                     pdf=str(data.get("pdf", "")))  # fmt: skip

    def _ask_item(self, visitor: Visitor, item: MenuItem, form: Form) -> dict[str, Any]:
        typed = {one.name: form.get(one.name, "").strip() for one in item.fields}
        number = visitor.requests.get(item.name, "")
        if item.name == "report":
            return self.ask(
                "loss", visitor, request_id=number,
                subject=ServiceSubject(identity=typed["identity"]),
                evidence=ServiceEvidence(card_number=typed["card_number"]),
            )  # fmt: skip
        if item.name == "progress":
            subject = ServiceSubject(receipt=typed["receipt"].upper())
            return self.ask("progress", visitor, subject=subject, evidence=ServiceEvidence())
        if item.kind == "level":
            insurance, _, level = form.get("level", "").partition("-")
            return self.ask("level", visitor, {"insurance": insurance, "level": level},
                            request_id=number)  # fmt: skip
        if item.kind == "paper":
            return self._printed(visitor, {"kind": item.name}, number)
        if not item.known:
            return self.ask(item.operation, visitor, subject=ServiceSubject(),
                            evidence=ServiceEvidence())  # fmt: skip
        details = {name: value for name, value in typed.items() if value}
        return self.ask(item.operation, visitor, details, request_id=number)

    def _printed(self, visitor: Visitor, details: Mapping[str, Any], number: str) -> dict[str, Any]:
        """Ask for a paper and print it; ``pdf`` is the file as Base64."""
        data = self.ask("paper", visitor, details, request_id=number)
        printed = print_paper(
            self.centre, visitor.subject,
            ServiceActor("holder", "", self.device, visitor.source or self.device),
            self.channel, visitor.evidence, data["code"],
        )  # fmt: skip
        return data | {"pdf": base64.b64encode(printed.pdf).decode()}

    def refused(self, visitor: Visitor, item: MenuItem, error: ServiceRefusedError) -> Shown:
        """What a refusal is for a visitor."""
        language = visitor.language
        said = error.english if language == "en" else error.chinese
        help_ = ""
        until = str(error.details.get("until", ""))
        if until:
            help_ = day(until)
        elif error.code is Code.FORMAT:
            help_ = _CHECK.of(language)
        if error.code is Code.STALE:
            visitor.token = ""
        return Shown(
            item.label.of(language), refused=said, help=help_, item=item.name,
            stronger=error.code in _STRONGER,
        )  # fmt: skip

    def levels(self, visitor: Visitor, item: MenuItem) -> tuple[list[FormField], View] | Shown:
        """The choice of contribution levels; or why there is none."""
        try:
            data = self.ask("levels", visitor)
            if not data["may_choose"]:
                raise ServiceRefusedError(Code.CLASS)
        except ServiceRefusedError as error:
            return self.refused(visitor, item, error)
        except (SscardError, OSError):
            return self.refused(visitor, item, ServiceRefusedError(Code.DOWN))
        choices = tuple(
            (f"{one['insurance']}-{one['level']}",
             _level_text(one))
            for one in data["levels"]
        )  # fmt: skip
        label = PageText(f"{day(data['first'])} 起的档次", f"Level from {day(data['first'])} on")
        view = View(facts=[
            (_CHOSEN.of(visitor.language),
             f"{one['insurance']} {one['level']} ({day(one['month'])})")
            for one in data["chosen"][-3:]
        ])  # fmt: skip
        return [FormField("level", label, "", choices=choices)], view


def _level_text(one: Mapping[str, Any]) -> PageText:
    """A level of contributions with its base a month."""
    insurance, base = one["insurance_text"], grouped_yuan(one["base_fen"])
    return PageText(
        f"{insurance} {one['chinese']}：{base}元/月",
        f"{insurance} {one['english']}: {base} a month",
    )
