# SPDX-License-Identifier: Apache-2.0
"""Sections of a report after the groups of LD/T 6001, and addresses of clauses.

Of LD/T 6001 the contents are public, not the tests. In LD/T 32.5 commands stand in the order of
the alphabet, 7.n, each with its message, data, answer and status words: 7.n.2 to 7.n.5. Numbers
after 7.7, and the chapter 8 of the medical commands, continue that order here [M].
"""

from __future__ import annotations

from typing import Final

from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4

GROUPS: Final = {
    "6001.3-6.1": "LD/T 6001.3, 6.1: CHANGE PIN",
    "6001.3-6.2": "LD/T 6001.3, 6.2: answer to reset",
    **{
        f"6001.3-7.{number}": f"LD/T 6001.3, 7.{number}: {name}_RECORD"
        for number, name in enumerate(("SSSE", "DF01", "DF02", "DF03", "DF04", "DF05", "DF07"), 1)
    },
    "6001.3-7.DF06": "LD/T 6001.3, 7: DF06_RECORD",
    **{
        f"6001.3-8.{number}": f"LD/T 6001.3, 8.{number}: {name}_SAFETY"
        for number, name in enumerate(("SSSE", "DF01", "DF02", "DF03", "DF04", "DF05", "DF07"), 1)
    },
    "6001.3-8.DF06": "LD/T 6001.3, 8: DF06_SAFETY",
    **{f"6001.3-9.{n}": f"LD/T 6001.3, 9.{n}: KEY_VER{n}" for n in (1, 2, 3)},
    "6001.3-10": "LD/T 6001.3, 10: ACSE_RECORD, ACSE_SAFETY, CHECK_CERT",
    "6001.2-function": "LD/T 6001.2: command function",
    "6001.2-parameters": "LD/T 6001.2: command parameters",
    "6001.2-transport": "LD/T 6001.2: transport",
    "6001.2-firewall": "LD/T 6001.2: firewall",
    "6001.2-states": "LD/T 6001.2: states and security status",
    "6001.2-purchase": "LD/T 6001.2: purchase and load",
    "6001.2-pullout": "LD/T 6001.2: pull-out",
    "6001.2-certificate": "LD/T 6001.2: certificate application",
    "6001.5-psam-des": "LD/T 6001.5: PSAM, DES environment",
    "6001.5-psam-sm4": "LD/T 6001.5: PSAM, SM4 environment",
    "pboc-reading": "JR/T 0025: reading the bank application",
    "pboc-authentication": "JR/T 0025: offline data authentication",
    "pboc-transaction": "JR/T 0025: transactions",
    "pboc-contactless": "JR/T 0025: without contacts",
    "6001.2-terminal-begin": "LD/T 6001.2: a terminal begins a sale",
    "6001.2-terminal-pin": "LD/T 6001.2: a terminal and the PIN",
    "6001.2-terminal-purchase": "LD/T 6001.2: a terminal sells",
    "6001.2-terminal-recovery": "LD/T 6001.2: a terminal and a card that was pulled out",
}
"""Sections of the report in their order."""
PSAM_GROUPS: Final = {
    ALGORITHM_3DES: "6001.5-psam-des",
    ALGORITHM_SM4: "6001.5-psam-sm4",
}
"""Group of a PSAM's environment."""

FUNCTION: Final = "6001.2-function"
PARAMETERS: Final = "6001.2-parameters"
TRANSPORT: Final = "6001.2-transport"
FIREWALL: Final = "6001.2-firewall"
STATES: Final = "6001.2-states"
PURCHASE: Final = "6001.2-purchase"
PULL_OUT: Final = "6001.2-pullout"
CERTIFICATES: Final = "6001.2-certificate"
RESET: Final = "6001.3-6.2"
CHANGE_PIN: Final = "6001.3-6.1"
ASYMMETRIC: Final = "6001.3-10"

_DIRECTORIES: Final = {"SSSE": "1", "DF01": "2", "DF02": "3", "DF03": "4", "DF04": "5", "DF05": "6"}
_DIRECTORIES_LATER: Final = {"DF06": "DF06", "DF07": "7"}


def record_group(directory: str) -> str:
    """The group of a directory's records: ``SSSE`` is 7.1."""
    return f"6001.3-7.{(_DIRECTORIES | _DIRECTORIES_LATER)[directory]}"


def safety_group(directory: str) -> str:
    """The group of a directory's access rights: ``SSSE`` is 8.1."""
    return f"6001.3-8.{(_DIRECTORIES | _DIRECTORIES_LATER)[directory]}"


_BASIC: Final = (
    "APPLICATION BLOCK",
    "CARD BLOCK",
    "CHANGE PIN",
    "EXTERNAL AUTHENTICATE",
    "GET CHALLENGE",
    "GET RESPONSE",
    "INTERNAL AUTHENTICATE",
    "PIN CHANGE/UNBLOCK",
    "READ BINARY",
    "READ RECORD",
    "SELECT",
    "UPDATE BINARY",
    "UPDATE RECORD",
    "VERIFY",
)
_MEDICAL: Final = (
    "CREDIT FOR LOAD",
    "DEBIT FOR PURCHASE",
    "GET BALANCE",
    "GET STARTING DAY",
    "GET TRANSACTION PROOF",
    "INITIALIZE FOR LOAD",
    "INITIALIZE FOR PURCHASE",
    "UPDATE STARTING DAY",
)
SECTIONS: Final = {
    **{name: f"7.{number}" for number, name in enumerate(_BASIC, 1)},
    **{name: f"8.{number}" for number, name in enumerate(_MEDICAL, 1)},
}
"""Section of LD/T 32.5 by the name of a command."""

MESSAGE, DATA, ANSWER, WORDS = 2, 3, 4, 5
"""k of 7.n.k: message, data field, answer, status words."""


def clause_of(command: str, part: int) -> str:
    """The clause of a part of a command.

    >>> clause_of("VERIFY", WORDS)
    'LD/T 32.5, 7.14.5 VERIFY'
    """
    return f"LD/T 32.5, {SECTIONS[command]}.{part} {command}"


def command_case(command: str, part: int, number: int) -> str:
    """The identifier of a case of a command: ``SSC-32.5-7.14.5-02``."""
    return f"SSC-32.5-{SECTIONS[command]}.{part}-{number:02}"
