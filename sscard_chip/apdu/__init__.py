# SPDX-License-Identifier: Apache-2.0
"""Commands: codec, instruction tables, and the handlers of LD/T 32.5."""
