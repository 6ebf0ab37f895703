"""``grant``, ``revoke`` and ``principals`` as a test runs them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from qianbei.cli import grant_cmd
from qianbei.site import Site


class Commands:
    """The commands, on the exchange of a test."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(grant_cmd, "current_site", lambda: site)
        monkeypatch.setattr(grant_cmd, "home_from_env", lambda: site.secrets.parent)

    def grant(self, *arguments: str) -> dict[str, Any]:
        return self._run(grant_cmd.grant_command, arguments)

    def revoke(self, *arguments: str) -> dict[str, Any]:
        return self._run(grant_cmd.revoke_command, arguments)

    def listed(self) -> dict[str, dict[str, Any]]:
        result = CliRunner().invoke(grant_cmd.principals_command, ["--json"])
        assert result.exit_code == 0, result.output
        return {one["name"]: one for one in map(json.loads, result.stdout.splitlines())}

    def _run(self, command: Any, arguments: tuple[str, ...]) -> dict[str, Any]:
        result = CliRunner().invoke(command, [*arguments, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        return told
