"""All commands, in the order of the help page."""

from collections.abc import Sequence

import click

from qianbei.cli.connection_cmd import connection_command
from qianbei.cli.demo_cmd import demo, simulate
from qianbei.cli.explain_cmd import explain_command
from qianbei.cli.files_cmd import files_command
from qianbei.cli.import_cmd import import_command
from qianbei.cli.lag_cmd import lag_command
from qianbei.cli.publish_cmd import publish
from qianbei.cli.quarantine_cmd import quarantine_command
from qianbei.cli.stack_cmd import deploy_command, down, service, status, up
from qianbei.cli.tail_cmd import tail_command
from qianbei.cli.token_cmd import token_command
from qianbei.cli.verify_cmd import verify_command

COMMANDS: Sequence[click.Command] = (
    demo,
    up,
    down,
    status,
    deploy_command,
    service,
    publish,
    import_command,
    files_command,
    simulate,
    tail_command,
    explain_command,
    lag_command,
    verify_command,
    quarantine_command,
    connection_command,
    token_command,
)
