# SPDX-License-Identifier: Apache-2.0
"""The pages of a channel: menus, items, results; a kiosk and a website are made of it.

An item asks the service centre, which judges levels, states and everything else; a page says
what it has answered. A form carries its token and the number of its request: one that is sent
twice is done once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sscard_chip.faults import describe_fault
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.operations import OPERATIONS
from sscard_service.pages.asking import Form, PageAsker
from sscard_service.pages.http import FormError, go, page, read_form, static
from sscard_service.pages.menu import GROUPS, ITEMS, MENUS, PICTURES, FormField, MenuItem, find_item
from sscard_service.pages.offers import OFFERS
from sscard_service.pages.views import View
from sscard_service.pages.visitors import FormDraft, Shown, Visitor, Visitors
from sscard_service.pages.words import LANGUAGES, PageText

PageHandler = Callable[[Request, Visitor, Form], Response]

_LOG: Final = logging.getLogger(__name__)
_DONE: Final = PageText("已办理", "Done")
_BETWEEN: Final = PageText("：", ": ")
_MOST_PAGES: Final = 1000
_MISSING: Final = PageText("请填写：", "Still to be filled in: ")


class PageDesk(PageAsker):
    """Pages of one channel on a centre. :attr:`routes` are its addresses."""

    start = "/"
    secure = False
    uploads = False
    """Whether pictures come with a form."""

    def __init__(self, centre: ServiceCentre, visitors: Visitors, device: str = "") -> None:
        super().__init__(centre, device)
        self.visitors = visitors

    @property
    def routes(self) -> list[Route]:
        """The addresses that all pages have."""
        return [
            Route("/static/{name}", self._static),
            Route("/menu/{menu}", self.get(self.menu)),
            Route("/do/{item}", self.get(self.form)),
            Route("/do/{item}/{number:int}", self.get(self.form)),
            Route("/do/{item}", self.post(self.submit), methods=["POST"]),
            Route("/result", self.get(self.result)),
            Route("/language", self.post(self.language), methods=["POST"]),
            Route("/end", self.post(self.leave), methods=["POST"]),
        ]

    # --- around a request ------------------------------------------------------------------------

    def get(self, work: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        """A page of a visit; whoever has none sees the start."""

        async def endpoint(request: Request) -> Response:
            return await self.safely(self._guarded, work, request, {}, False)

        return endpoint

    def post(self, work: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        """A form of a visit, with its token."""

        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request, uploads=self.uploads)
            except FormError:
                return self.bad()
            return await self.safely(self._guarded, work, request, form, True)

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
            return await self.safely(work, request, form)

        return endpoint

    def open_get(self, work: Callable[[Request], Response]) -> Callable[..., Any]:
        """A page that needs no visit."""

        async def endpoint(request: Request) -> Response:
            return await self.safely(work, request)

        return endpoint

    async def safely(self, work: Callable[..., Response], *given: Any) -> Response:
        """What ``work`` answers in a thread of its own."""
        return await run_in_threadpool(self._answer, work, *given)

    def _answer(self, work: Callable[..., Response], *given: Any) -> Response:
        """What ``work`` answers; where something of ours is wrong, that nothing is confirmed. The
        text of an error may quote what it choked on: the log has its type and place."""
        try:
            return work(*given)
        except Exception as fault:  # in the thread: a StopIteration would never leave it
            _LOG.error("a page has no answer: %s", describe_fault(fault))
            return page(
                "bad", 503, desk=self, down=ServiceRefusedError(Code.DOWN), **self.words("zh")
            )

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

    def bad(self, status: int = 400) -> Response:
        """A request that no page of ours has made."""
        return page("bad", status, desk=self, down=None, **self.words("zh"))

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
        groups = [(GROUPS[key].of(visitor.language), [one for one in items if one.group == key])
                  for key in GROUPS]  # fmt: skip
        groups.insert(0, ("", [one for one in items if not one.group]))
        return self.show("menu", visitor, menu=name, title=MENUS[name].of(visitor.language),
                         groups=[one for one in groups if one[1]])  # fmt: skip

    def item_of(self, request: Request) -> MenuItem | None:
        """The item that an address names."""
        item = find_item(str(request.path_params["item"]))
        return item if item is not None and self.offers(item) else None

    def form(self, request: Request, visitor: Visitor, _: Form) -> Response:
        """An item: its form, or at once what it shows."""
        item = self.item_of(request)
        if item is None:
            return go("/menu/enquiry")
        if item.known and not visitor.known:
            return self.sign_in(visitor, item)
        language = visitor.language
        if item.kind == "shows":
            number = min(int(request.path_params.get("number", 1)), _MOST_PAGES)
            return self.result_page(
                visitor, item, self.done(visitor, item, {"page": str(max(number, 1))})
            )
        fields, before = list(item.fields), View()
        if item.name in OFFERS:
            shown = self.offer(visitor, item)
            if isinstance(shown, Shown):
                return self.result_page(visitor, item, shown)
            fields, before = shown
        fields = [one for one in fields if self.can_ask(one)]
        draft, visitor.draft = visitor.draft, None
        if draft is None or draft.item != item.name:
            draft = FormDraft(item.name, {}, "")
        return self.show(
            "form", visitor, menu=item.menu, title=item.label.of(language), item=item,
            fields=fields, view=before, error=draft.error, given=draft.typed,
            request_id=visitor.request(item.name),
        )  # fmt: skip

    def form_again(self, visitor: Visitor, item: MenuItem, form: Form, error: str = "") -> Response:
        """The way back to a form, with what was typed; no page that answers a form stays in the
        browser's history."""
        kept = [one for one in item.fields if not one.secret and one.keys not in PICTURES]
        typed = {one.name: form.get(one.name, "")[: one.most] for one in kept}
        visitor.draft = FormDraft(item.name, typed, error)
        return go(f"/do/{item.name}")

    def can_ask(self, field: FormField) -> bool:
        """Whether a page of this channel can ask for a field: a kiosk has a camera or none."""
        return True

    def missing(self, visitor: Visitor, field: FormField, form: Form) -> bool:
        """Whether a field was not filled in, or not with one of its choices."""
        typed = form.get(field.name, "")
        if field.keys in PICTURES:
            return field.needed and not (typed or visitor.pictures.get(field.name))
        return (
            (field.needed and not typed.strip())
            or len(typed) > field.most
            or (bool(field.choices) and typed not in dict(field.choices))
        )

    def submit(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """A form that was sent: done, and the way to its result."""
        item = self.item_of(request)
        if item is None or item.kind == "shows" or (item.known and not visitor.known):
            return go("/menu/enquiry")
        language = visitor.language
        missing = [
            one for one in item.fields if self.can_ask(one) and self.missing(visitor, one, form)
        ]
        if missing:
            said = _MISSING.of(language) + missing[0].label.of(language)
            return self.form_again(visitor, item, form, said)
        number = form.get("request", "")
        if number and number != visitor.requests.get(item.name):
            return go("/result")  # sent twice, or from an old page: what was done stands there
        shown = visitor.shown = self.done(visitor, item, form)
        visitor.done(item.name)
        if shown.again and item.fields:
            between = _BETWEEN.of(visitor.language) if shown.help else ""
            said = f"{shown.refused}{between}{shown.help}"
            return self.form_again(visitor, item, form, said)
        visitor.pictures.clear()
        return go("/result")

    def result(self, _request: Request, visitor: Visitor, _: Form) -> Response:
        """What was done last."""
        shown = visitor.shown
        item = None if shown is None else find_item(shown.item)
        if shown is None or item is None:
            return go("/menu/enquiry")
        return self.result_page(visitor, item, shown)

    def result_page(self, visitor: Visitor, item: MenuItem, shown: Shown) -> Response:
        """The page of a result; what needs a stronger proof is gone back to with it."""
        if shown.stronger:
            visitor.wanted = item.name
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

    def stronger(self, visitor: Visitor) -> str:
        """Where a stronger proof is given."""
        return self.start

    def sign_in(self, visitor: Visitor, item: MenuItem) -> Response:
        """An item needs to know who it is."""
        raise NotImplementedError
