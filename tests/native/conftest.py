# SPDX-License-Identifier: Apache-2.0
"""One library for all tests here, built by the Python that runs them."""

from __future__ import annotations

import pytest

from tests.native.native import Native, build_or_skip


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    return build_or_skip(tmp_path_factory.mktemp("native"))
