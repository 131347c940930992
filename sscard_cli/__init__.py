# SPDX-License-Identifier: Apache-2.0
"""The ``sscard`` command line: one file per group of commands, no logic of its own."""
