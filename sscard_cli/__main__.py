# SPDX-License-Identifier: Apache-2.0
"""``python -m sscard_cli`` is ``sscard``."""

import sys

from sscard_cli.main import main

sys.exit(main())
