# SPDX-License-Identifier: Apache-2.0
"""A program under test: what a counter reads of a card, through pyscard."""

from smartcard.Exceptions import CardConnectionException, NoCardException
from smartcard.System import readers

SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
FIELDS = {"card_number": (5, 7), "name": (6, 2), "social_security_number": (6, 1)}
"""File (SFI) and record number of each field."""


class CardProblemError(Exception):
    """What the clerk is told."""


def read_card(reader_name):
    """Fields of the card in a reader; None for what its generation shows to nobody."""
    reader = next(one for one in readers() if str(one) == reader_name)
    connection = reader.createConnection()
    try:
        connection.connect()
    except (NoCardException, CardConnectionException):
        raise CardProblemError("put the card into the reader") from None
    try:
        send(connection, SSSE)
        return {name: read(connection, *place) for name, place in FIELDS.items()}
    except CardConnectionException:
        raise CardProblemError("the card was pulled out: once more, please") from None
    finally:
        connection.disconnect()


def read(connection, sfi, number):
    """One record without tag, length and padding."""
    record = send(connection, bytes((0x00, 0xB2, number, sfi << 3 | 4, 0)))
    if record is None:
        return None
    return record[2:].rstrip(b"\0").decode("gb18030")


def send(connection, command):
    """Data of an answer, None for what is not for everybody; over T=0 it is fetched."""
    data, sw1, sw2 = connection.transmit(list(command))
    if sw1 == 0x6C:
        data, sw1, sw2 = connection.transmit([*command[:4], sw2])
    if sw1 == 0x61:
        data, sw1, sw2 = connection.transmit([0x00, 0xC0, 0x00, 0x00, sw2])
    if (sw1, sw2) == (0x69, 0x82):
        return None
    if (sw1, sw2) == (0x93, 0x03):
        raise CardProblemError("this card is blocked: please go to the card service")
    if (sw1, sw2) != (0x90, 0x00):
        raise CardProblemError(f"the card answers {sw1:02X}{sw2:02X}")
    return bytes(data)
