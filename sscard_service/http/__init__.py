# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface of card services: ``/v1``, signed channels, problem objects (T5).

:func:`create_application` makes the FastAPI application; :data:`ROUTES` are its addresses, and an
operation that is to be asked over HTTP gets one there.
"""

from __future__ import annotations

from sscard_chip.standard.errors import importing

with importing("service", "card services over HTTP"):
    import fastapi  # noqa: F401

from sscard_service.http.application import create_application, problem
from sscard_service.http.asking import HttpCaller, ServiceRequest
from sscard_service.http.limits import RateLimit
from sscard_service.http.routes import ROUTES, Route
from sscard_service.http.signing import SignedRequest, is_signed, sign_hmac

__all__ = [
    "ROUTES",
    "HttpCaller",
    "RateLimit",
    "Route",
    "ServiceRequest",
    "SignedRequest",
    "create_application",
    "is_signed",
    "problem",
    "sign_hmac",
]
