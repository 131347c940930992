# SPDX-License-Identifier: Apache-2.0
"""Commands on one card: show it, talk to it, put it into a reader."""
