# SPDX-License-Identifier: Apache-2.0
"""The website (网上服务大厅): sign in by number and password, enquiries, loss, progress, papers.

The centre's channel is ``site``. What needs level 2 there is opened by a code to the telephone.
"""

from __future__ import annotations

import base64
import time as clock
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.models import find
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceEvidence, ServiceSubject
from sscard_service.http.limits import RateLimit, source_of
from sscard_service.pages.asking import Form
from sscard_service.pages.desk import PageDesk
from sscard_service.pages.http import HEADERS, go, page
from sscard_service.pages.menu import IDENTITY, PASSWORD, TAIL, FormField, MenuItem
from sscard_service.pages.visitors import Visitor, Visitors
from sscard_service.pages.words import LANGUAGES, PageText

_CODE: Final = FormField("phone_code", PageText("短信验证码", "Code"), "digits", 6)
_EITHER: Final = PageText("或", "or")


class Site(PageDesk):
    """The website on a centre; its :attr:`routes` go into any application.

    ``secure`` says that it is served over HTTPS, so that cookies go nowhere else.
    """

    channel = "site"
    uploads = True

    def __init__(
        self,
        centre: ServiceCentre,
        *,
        secure: bool = False,
        per_minute: int = 600,
        seconds: Callable[[], float] = clock.monotonic,
    ) -> None:
        idle = centre.region.proof.session_minutes * 60
        super().__init__(centre, Visitors(seconds, idle, ended=self._ended))
        self.secure = secure
        self._limit = RateLimit(per_minute, seconds)

    @property
    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            *super().routes,
            Route("/", self.open_get(self._start)),
            Route("/sign-in", self.open_post(self._sign_in), methods=["POST"]),
            Route("/code", self.get(self._code_page)),
            Route("/code", self.post(self._code), methods=["POST"]),
            Route("/code/send", self.post(self._send_code), methods=["POST"]),
            Route("/paper", self.get(self._paper)),
            Route("/{unknown}", self._unknown),
        ]

    def allows(self, request: Request) -> bool:
        """Not more often than a source may ask."""
        return super().allows(request) and not self._limit.wait(_source(request))

    def _ended(self, visitor: Visitor) -> None:
        if visitor.token:
            with suppress(SscardError):  # it ends by its time
                self.ask("logout", visitor, subject=ServiceSubject())

    # --- who it is -------------------------------------------------------------------------------

    def _start(self, request: Request) -> Response:
        if not self.allows(request):
            return self.bad()
        asked = request.query_params.get("language", "zh")
        return self._start_page(asked if asked in LANGUAGES else "zh")

    def _start_page(self, language: str, error: str = "", status: int = 200) -> Response:
        fields = (IDENTITY, replace(PASSWORD, needed=False), replace(TAIL, needed=False))
        return page("site", status, desk=self, error=error, fields=fields,
                    either=_EITHER.of(language), **self.words(language))  # fmt: skip

    def _sign_in(self, request: Request, form: Form) -> Response:
        """A visit: signed in, or for what needs nobody to be known."""
        asked = form.get("language", "zh")
        language = asked if asked in LANGUAGES else "zh"
        visitor, response = self.welcome(language)
        visitor.source = _source(request)
        if form.get("way") == "public":
            response.headers["location"] = "/menu/public"
            return response
        typed = {name: form.get(name, "").strip() for name in ("identity", "card_number")}
        password = form.get("query_password", "")
        try:
            broken = find(ServiceSubject, {"identity": typed["identity"]})
            if broken or not typed["identity"]:
                raise ServiceRefusedError(Code.FORMAT, field="identity")
            data = self.ask(
                "login", visitor, subject=ServiceSubject(identity=typed["identity"]),
                evidence=ServiceEvidence(
                    query_password=password, card_number=typed["card_number"]
                ),
            )  # fmt: skip
        except ServiceRefusedError as error:
            self.visitors.end(visitor)
            said = error.english if language == "en" else error.chinese
            return self._start_page(language, said, error.http_status)
        visitor.token = data["token"]
        return response

    async def _unknown(self, _request: Request) -> Response:
        """An address that there is not."""
        return self.bad(404)

    def stronger(self, visitor: Visitor) -> str:
        """A code by telephone; of a visit whose session has ended, signing in."""
        return "/code" if visitor.known else self.start

    def sign_in(self, visitor: Visitor, item: MenuItem) -> Response:
        """Back to the start: a visit without a person cannot become one."""
        self.visitors.end(visitor)
        return self.cleared(go(self.start))

    def _code_page(
        self, _request: Request, visitor: Visitor, _: Form, error: str = "", sent: str = ""
    ) -> Response:
        if not visitor.known:
            return go("/menu/public")
        title = PageText("短信验证", "Code by telephone").of(visitor.language)
        return self.show("code", visitor, title=title, fields=(_CODE,), error=error, sent=sent)

    def _send_code(self, request: Request, visitor: Visitor, form: Form) -> Response:
        return self._try(request, visitor, form, lambda: self.ask("code", visitor)["phone"])

    def _code(self, request: Request, visitor: Visitor, form: Form) -> Response:
        """The code beside the session: a session of level 2."""

        def work() -> str:
            evidence = ServiceEvidence(
                session=visitor.token, phone_code=form.get("phone_code", "").strip()
            )
            visitor.token = self.ask("login", visitor, evidence=evidence)["token"]
            return ""

        return self._try(request, visitor, form, work)

    def _try(
        self, request: Request, visitor: Visitor, form: Form, work: Callable[[], str]
    ) -> Response:
        try:
            sent = work()
        except ServiceRefusedError as error:
            said = error.english if visitor.language == "en" else error.chinese
            return self._code_page(request, visitor, form, said)
        if sent:
            return self._code_page(request, visitor, form, sent=sent)
        wanted, visitor.wanted = visitor.wanted, ""
        return go(f"/do/{wanted}" if wanted else "/menu/enquiry")

    # --- papers ----------------------------------------------------------------------------------

    def _paper(self, _request: Request, visitor: Visitor, _: Form) -> Response:
        """The paper that was made last, to be saved."""
        shown: Any = visitor.shown
        if shown is None or not shown.pdf:
            return go("/menu/public")
        headers = dict(HEADERS) | {"Content-Disposition": 'attachment; filename="paper.pdf"'}
        return Response(base64.b64decode(shown.pdf), 200, headers, "application/pdf")


def _source(request: Request) -> str:
    return source_of(request.client.host) if request.client else ""
