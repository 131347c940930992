# SPDX-License-Identifier: Apache-2.0
"""What a directory can do beyond files. Each application is one module: its instructions,
its state, its files."""
