# SPDX-License-Identifier: Apache-2.0
"""MF, DDF, ADF and EF as views of the card's memory."""
