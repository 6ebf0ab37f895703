"""How many histories are played: few in every test run, the full number in ``make long``."""

import os

from hypothesis import HealthCheck, Phase, settings

LAW = int(os.environ.get("QIANBEI_LAW_HISTORIES", "300"))
LAW_SEED = os.environ.get("QIANBEI_LAW_SEED", "5")
"""Empty: any."""
SEALED = int(os.environ.get("QIANBEI_SEALED_HISTORIES", "8"))
ON_KAFKA = int(os.environ.get("QIANBEI_LAW_HISTORIES_ON_KAFKA", "5"))
STEPS = 50
"""Events and disturbances of one history, at most."""


def profile(histories: int, steps: int = STEPS, *, shrink: bool = True) -> settings:
    """Hypothesis' settings. No deadline, since the machine is shared; no database, so that a run depends on its seed alone."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    return settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
