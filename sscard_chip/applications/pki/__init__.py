# SPDX-License-Identifier: Apache-2.0
"""Certificate application (证书应用) of a card of generation 3: ``SS.CERT.ADF1`` in its environment
``PKI.社会保障``.

Two key pairs of SM2. The one for signatures is made in the card and never leaves it; the one for
encryption comes from the authority, under a session key in a digital envelope (数字信封) for the
first. Both certificates are files. A user PIN and an administrator's (管理员PIN) are proven with a
challenge; the master keys (主控密钥) of both directories are the issuer's.

Commands and files are those that two programs of the field send [M]; the rights they want, and all
that says [L], are ours.
"""

from sscard_chip.applications.pki.instructions import PKI
from sscard_chip.applications.pki.selection import enter as enter_pki

__all__ = ["PKI", "enter_pki"]
