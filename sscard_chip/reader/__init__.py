# SPDX-License-Identifier: Apache-2.0
"""The card in a reader: contact and contactless interface, and the virtual PC/SC reader."""

from __future__ import annotations

from sscard_chip.reader.hands import ReaderWithHands, serve_reader
from sscard_chip.reader.interface import (
    CardCore,
    Connection,
    ContactInterface,
    ContactlessInterface,
    InterfaceNotSupportedError,
)
from sscard_chip.reader.slot import EventObserver, ReaderEvent, TrafficObserver
from sscard_chip.reader.vpcd import DEFAULT_HOST, DEFAULT_PORT, VirtualReader, serve

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "CardCore",
    "Connection",
    "ContactInterface",
    "ContactlessInterface",
    "EventObserver",
    "InterfaceNotSupportedError",
    "ReaderEvent",
    "ReaderWithHands",
    "TrafficObserver",
    "VirtualReader",
    "serve",
    "serve_reader",
]
