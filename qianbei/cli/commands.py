"""All commands, in the order of the help page, each imported when it is first asked for.

Together they import the whole project; one that runs alone, or a shell that completes a word, must not wait for that.
"""

from collections.abc import Mapping
from importlib import import_module

import click

from qianbei.cli.help import presented

COMMANDS: Mapping[str, str] = {
    "demo": "demo_cmd:demo",
    "sandbox": "sandbox_cmd:sandbox",
    "up": "stack_cmd:up",
    "down": "stack_cmd:down",
    "status": "stack_cmd:status",
    "deploy": "stack_cmd:deploy_command",
    "service": "stack_cmd:service",
    "publish": "publish_cmd:publish",
    "import": "import_cmd:import_command",
    "poll": "poll_cmd:poll_command",
    "files": "files_out_cmd:files_command",
    "sync": "sync_cmd:sync_command",
    "deliver": "deliver_cmd:deliver_command",
    "upload": "upload_cmd:upload_command",
    "dead-letters": "dead_letters_cmd:dead_letters_command",
    "simulate": "demo_cmd:simulate",
    "tail": "tail_cmd:tail_command",
    "explain": "explain_cmd:explain_command",
    "lag": "lag_cmd:lag_command",
    "doctor": "doctor_cmd:doctor_command",
    "verify": "verify_cmd:verify_command",
    "report": "report_cmd:report_command",
    "rebuild": "rebuild_cmd:rebuild_command",
    "diff": "diff_cmd:diff_command",
    "replay": "replay_cmd:replay_command",
    "redecide": "redecide_cmd:redecide_command",
    "quarantine": "quarantine_cmd:quarantine_command",
    "erase": "erase_cmd:erase_command",
    "connection": "connection_cmd:connection_command",
    "asyncapi": "asyncapi_cmd:asyncapi_command",
    "contract-test": "contract_test_cmd:contract_test_command",
    "token": "token_cmd:token_command",
    "grant": "grant_cmd:grant_command",
    "revoke": "grant_cmd:revoke_command",
    "principals": "grant_cmd:principals_command",
    "backfill": "backfill_cmd:backfill_command",
    "retire": "retire_cmd:retire_command",
    "gov-key": "gov_key_cmd:gov_key_command",
    "line": "line_cmd:line_command",
    "audit": "audit_cmd:audit_command",
}
"""By name: the module beside this one, and the command in it."""


class Commands(click.Group):
    """A group whose commands are those of ``COMMANDS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name, imported now, as it is shown; None for an unknown one."""
        place = COMMANDS.get(cmd_name)
        return None if place is None else presented(command_at(place))


def command_at(place: str) -> click.Command:
    """The command at ``module:attribute``."""
    module, attribute = place.split(":")
    command: click.Command = getattr(import_module(f"qianbei.cli.{module}"), attribute)
    return command
