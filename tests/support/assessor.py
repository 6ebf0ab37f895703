"""What an assessor is told."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from qianbei.cli import assessment_cmd
from qianbei.site import Site


def acts_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What operators did of late, by ``qianbei audit report``."""
    monkeypatch.setattr(assessment_cmd, "current_site", lambda: site)
    ran = CliRunner().invoke(assessment_cmd.assessment_command, ["--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    acts: list[dict[str, Any]] = json.loads(ran.stdout)["acts"]
    return acts
