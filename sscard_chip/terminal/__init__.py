# SPDX-License-Identifier: Apache-2.0
"""The other side of the reader: what terminals do with a card."""
