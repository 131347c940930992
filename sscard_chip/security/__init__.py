# SPDX-License-Identifier: Apache-2.0
"""Algorithm suites, keys, PIN, access rules and the security status."""
