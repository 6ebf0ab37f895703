"""All commands, in the order of the help page."""

from collections.abc import Sequence

import click

from qianbei.cli.demo_cmd import demo, simulate
from qianbei.cli.publish_cmd import publish
from qianbei.cli.stack_cmd import deploy_command, down, service, status, up

COMMANDS: Sequence[click.Command] = (demo, up, down, status, deploy_command, service, publish, simulate)
