# SPDX-License-Identifier: Apache-2.0
"""Commands of an issuer: keys, cards, PSAMs, batches."""
