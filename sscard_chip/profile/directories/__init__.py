# SPDX-License-Identifier: Apache-2.0
"""What each directory holds: one file a DF, named after it, with the forms of all generations.

``FIRST``, ``SECOND`` and ``THIRD`` are the directory on cards of generation 1, 2 and 3; a
generation without a form of its own has that of the one before. Where a region has a choice,
``first`` and ``second`` make the directory from its
:class:`~sscard_chip.profile.model.Options`. Which generation has which form:
:mod:`sscard_chip.profile.generations`.

The text of LB002-2000 (generation 1) is not public. Its files, items, rights and keys are rebuilt
from letter 37 (table 9, annex C, closing tables), the later draft of the card specification and
programs that work with such cards. The order of records is certain in SSSE; elsewhere it is by
ascending tag [L].
"""
