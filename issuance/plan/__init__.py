# SPDX-License-Identifier: Apache-2.0
"""The personalisation plan: one card as a list of real commands, for a blank card anywhere.

>>> from issuance.plan import make_plan, run_plan
>>> from sscard_chip.reader.interface import ContactInterface
>>> plan = make_plan(data, transport_key=key)
>>> run_plan(plan, ContactInterface(card)) == len(plan.steps)
True
"""

from issuance.plan.batchscript import BatchScriptError, encode_scripts, read_scripts
from issuance.plan.build import default_temporary_key, make_plan
from issuance.plan.run import CardTakenError, PlanError, run_plan
from issuance.plan.script import write_script
from issuance.plan.steps import ChallengeUse, PersonRecord, Phase, Plan, PlanStep

__all__ = [
    "BatchScriptError",
    "CardTakenError",
    "ChallengeUse",
    "PersonRecord",
    "Phase",
    "Plan",
    "PlanError",
    "PlanStep",
    "default_temporary_key",
    "encode_scripts",
    "make_plan",
    "read_scripts",
    "run_plan",
    "write_script",
]
