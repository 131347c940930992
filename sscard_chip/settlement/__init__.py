# SPDX-License-Identifier: Apache-2.0
"""The settlement centre: TAC verification in bulk, ledger, clearing, reconciliation."""
