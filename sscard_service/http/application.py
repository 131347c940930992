# SPDX-License-Identifier: Apache-2.0
"""The interface over HTTP: FastAPI, ``/v1``, JSON, problem objects (T5).

An address translates and does nothing of its own. What takes time runs in worker threads: the
event loop reads and answers only. Errors are problem objects ``{code, title, title_en, detail,
request}``; their codes are stable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from sscard_chip.faults import describe_fault
from sscard_chip.standard.errors import SscardError
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.http.asking import HttpCaller, ServiceRequest, written
from sscard_service.http.documents import describe
from sscard_service.http.hotlist import ServedHotlist
from sscard_service.http.limits import RateLimit, source_of
from sscard_service.http.routes import ROUTES, Route
from sscard_service.http.together import ViewsTogether, view_of
from sscard_service.http.verifying import PAGE_HEADERS, verify_page
from sscard_service.printing import print_paper
from sscard_service.work import OPERATIONS, ServiceOperation

MOST_BODY: Final = 12 * 1024 * 1024
"""Bytes of a body with a photo or documents, at most."""
SMALL_BODY: Final = 64 * 1024
"""The same of all others."""
BODY_SECONDS: Final = 30
"""How long a body may take to come."""
_LARGE: Final = frozenset({"apply", "replace"})
_LOG: Final = logging.getLogger(__name__)
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_VIEW_HEADERS: Final = [
    (b"content-type", b"application/json"),
    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
]
_VIEWS: Final = {
    route.path: route.found
    for route in ROUTES
    if route.method == "GET" and route.found.view is not None
}


def create_application(
    centre: ServiceCentre,
    *,
    per_minute: int = 600,
    caller: HttpCaller | None = None,
    body_seconds: float = BODY_SECONDS,
) -> FastAPI:
    """The application on a centre; ``per_minute`` requests of a source are taken, and a body that
    is not there after ``body_seconds`` is not.

    Other pages may be added to what it returns.
    """
    asks = _Asks(centre, caller or HttpCaller(centre), RateLimit(per_minute), body_seconds)
    application = _Application(
        asks,
        title="sscard card services",
        version="1",
        description="Card services of a region: enquiry, loss, replacement. See docs/services.md.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    for route in ROUTES:
        application.add_api_route(
            route.path,
            _endpoint(asks, route),
            methods=[route.method],
            name=f"{route.method.lower()} {route.operation}",
            operation_id=f"{route.method.lower()}_{route.operation}",
            summary=(route.found.function.__doc__ or "").partition("\n")[0],
            openapi_extra=describe(route),
            response_class=JSONResponse,
        )
    application.add_api_route(
        "/v1/enquiries/{operation}",
        _enquiry(asks),
        methods=["POST"],
        name="enquiry",
        operation_id="enquiry",
        summary="An enquiry with its proof in the body, without a session.",
        openapi_extra=describe(None),
    )
    application.add_api_route(
        "/v1/hotlist",
        _hotlist(asks),
        methods=["GET"],
        name="hotlist",
        operation_id="hotlist",
        summary="The hotlist (黑名单) whole, or what changed after a version; for signed programs.",
        openapi_extra=describe(None, body=False),
        response_class=PlainTextResponse,
    )
    application.add_api_route(
        "/v1/me/papers/{code}",
        _paper(asks),
        methods=["GET"],
        name="paper file",
        operation_id="get_paper_file",
        summary="A paper as PDF: each time is a print, and all but the first say 副本.",
        openapi_extra=describe(None, body=False, media="application/pdf", path="code"),
        response_class=Response,
    )
    application.add_api_route(
        "/verify/{code}",
        _verify(asks),
        methods=["GET"],
        name="verify",
        operation_id="verify_page",
        summary="What anybody may see of a paper whose code he has, as a page.",
        openapi_extra=describe(None, body=False, media="text/html", path="code"),
        response_class=HTMLResponse,
    )
    application.add_exception_handler(404, _not_found)
    application.add_exception_handler(405, _not_found)
    return application


class _Application(FastAPI):
    """Views by nothing but a session are the most of what is asked: they are answered before the
    framework looks at a request, which costs as much as the view itself."""

    def __init__(self, asks: _Asks, **settings: Any) -> None:
        super().__init__(**settings)
        self._asks = asks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            operation = _VIEWS.get(scope["path"])
            if operation is not None and await self._asks.view(operation, scope, receive, send):
                return
        await super().__call__(scope, receive, send)


class _Asks:
    """What all addresses do around an operation."""

    def __init__(
        self, centre: ServiceCentre, caller: HttpCaller, limit: RateLimit, body_seconds: float
    ) -> None:
        self.centre = centre
        self.caller = caller
        self.limit = limit
        self.body_seconds = body_seconds
        self.together = ViewsTogether(centre)

    async def view(
        self, operation: ServiceOperation, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Send the answer of a view by nothing but a session, or the problem; False: it is none, or
        :meth:`answer` has to say what is wrong with it."""
        asked = view_of(self.centre, operation, scope, _source(scope))
        if asked is None:
            return False
        try:
            self._count(scope)
            shown = await self.together.answer(asked)
        except ServiceRefusedError as error:
            await problem(error)(scope, receive, send)
            return True
        if shown is None:
            return False
        content = written(shown.document())
        headers = [(b"content-length", b"%d" % len(content)), *_VIEW_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        return True

    def _count(self, scope: Scope) -> None:
        """Count a request, once.

        :raises ServiceRefusedError: RATE.
        """
        if "sscard.counted" in scope:
            return
        scope["sscard.counted"] = True
        wait = self.limit.wait(_source(scope))
        if wait:
            raise ServiceRefusedError(Code.RATE, retry=wait)

    async def answer(
        self, request: Request, work: Callable[[ServiceRequest], Response], most: int = SMALL_BODY
    ) -> Response:
        """The answer of ``work``, or the problem."""
        number = ""
        try:
            found = await self._read(request, most)
            number = found.headers.get("idempotency-key", "")[:64]
            return await run_in_threadpool(_answer, work, found, number)
        except ServiceRefusedError as error:
            error.request = number if number.isprintable() else ""
            return problem(error)

    async def _read(self, request: Request, most: int) -> ServiceRequest:
        self._count(request.scope)
        content = await self._body(request, most)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return ServiceRequest(
            request.method, target, dict(request.headers), dict(request.query_params),
            content, _source(request.scope),
        )  # fmt: skip

    async def _body(self, request: Request, most: int) -> bytes:
        """The body; whoever sends too much or too slowly is not waited for."""
        declared = request.headers.get("content-length", "")
        broken = f"must be at most {most} bytes"
        content = bytearray()
        try:
            if not (declared.isdecimal() and int(declared[:20]) > most):
                async with asyncio.timeout(self.body_seconds):
                    async for part in request.stream():
                        content += part
                        if len(content) > most:
                            break
                    else:
                        return bytes(content)
        except TimeoutError:
            broken = f"must come within {self.body_seconds} seconds"
        except ClientDisconnect:
            broken = "must come whole"
        raise ServiceRefusedError(Code.FORMAT, field="body", rule=broken)


def _source(scope: Scope) -> str:
    client = scope.get("client")
    return source_of(str(client[0])) if client else ""


def _done(document: dict[str, Any]) -> Response:
    return Response(written(document), 200, _HEADERS, "application/json")


def _answer(
    work: Callable[[ServiceRequest], Response], request: ServiceRequest, number: str
) -> Response:
    """The answer of ``work``, or the problem. Where something of ours is wrong, the text of the
    error may quote what it choked on: the log has its type and place."""
    try:
        return work(request)
    except ServiceRefusedError as error:
        error.request = error.request or (number if number.isprintable() else "")
        return problem(error)
    except (SscardError, OSError):
        return problem(ServiceRefusedError(Code.DOWN))
    except Exception as fault:  # in the thread: a StopIteration would never leave it
        _LOG.error("a request has no answer: %s", describe_fault(fault))
        return problem(ServiceRefusedError(Code.DOWN))


def problem(error: ServiceRefusedError) -> Response:
    """The answer of what was not done."""
    headers = dict(_HEADERS)
    retry = error.details.get("retry")
    if retry:
        headers["Retry-After"] = str(retry)
    content = written(error.problem())
    return Response(content, error.http_status, headers, "application/problem+json")


def _endpoint(asks: _Asks, route: Route) -> Callable[..., Any]:
    changes = route.found.changes
    most = MOST_BODY if route.operation in _LARGE else SMALL_BODY

    def work(request: ServiceRequest, receipt: str) -> Response:
        return _done(asks.caller.call(route.operation, request, receipt, changes=changes))

    async def endpoint(request: Request) -> Response:
        receipt = str(request.path_params.get("receipt", ""))
        return await asks.answer(request, lambda found: work(found, receipt), most)

    return endpoint


def _enquiry(asks: _Asks) -> Callable[..., Any]:
    async def enquiry(request: Request) -> Response:
        name = str(request.path_params["operation"])

        def work(found: ServiceRequest) -> Response:
            operation = OPERATIONS.get(name)
            if operation is None or operation.changes:
                raise ServiceRefusedError(Code.CHANNEL)
            return _done(asks.caller.call(name, found, changes=False))

        return await asks.answer(request, work)

    return enquiry


def _hotlist(asks: _Asks) -> Callable[..., Any]:
    served = ServedHotlist(asks.centre)

    async def hotlist(request: Request) -> Response:
        def work(found: ServiceRequest) -> Response:
            _, program = asks.caller.channel(found)
            if not program:
                raise ServiceRefusedError(Code.SIGNATURE)
            text = served.text(found.query.get("after", ""))
            return Response(text, 200, _HEADERS, "text/tab-separated-values; charset=utf-8")

        return await asks.answer(request, work)

    return hotlist


def _paper(asks: _Asks) -> Callable[..., Any]:
    async def paper(request: Request) -> Response:
        code = str(request.path_params["code"])

        def work(found: ServiceRequest) -> Response:
            asked = asks.caller.asked(found)
            printed = print_paper(
                asks.centre, asked.subject, asked.actor, asked.channel, asked.evidence, code
            )
            return Response(printed.pdf, 200, _HEADERS, "application/pdf")

        return await asks.answer(request, work)

    return paper


def _verify(asks: _Asks) -> Callable[..., Any]:
    async def verify(request: Request) -> Response:
        code = str(request.path_params["code"])

        def work(found: ServiceRequest) -> Response:
            status, page = verify_page(asks.centre, code, found.source)
            return Response(page, status, _HEADERS | PAGE_HEADERS, "text/html; charset=utf-8")

        return await asks.answer(request, work)

    return verify


async def _not_found(_request: Request, _error: Exception) -> Response:
    return problem(ServiceRefusedError(Code.NOT_FOUND))
