# SPDX-License-Identifier: Apache-2.0
"""Codes of the national insurance platform that till and centre use by name."""

from __future__ import annotations

from typing import Final

EMPLOYEE_BASIC: Final = "310"
"""insutype of the employees' basic medical insurance (职工基本医疗保险) [H]."""
PHARMACY_VISIT: Final = "41"
"""med_type and clr_type of a designated pharmacy (定点药店) [H]."""
