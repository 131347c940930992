# SPDX-License-Identifier: Apache-2.0
"""What the papers say, once: the lowest floor, imported by everybody, importing nobody."""
