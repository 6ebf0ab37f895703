"""The root command and the one place where errors become messages and exit codes."""

import sys
from importlib.metadata import version

import click

from broker.errors import AccessDenied, QianbeiError, Unavailable
from qianbei.cli.commands import Commands
from qianbei.cli.help import presented
from qianbei.cli.idle import yield_processor
from qianbei.language import bind, spoken
from qianbei.stack import StackError
from schemas.said import shown

FOUND_WRONG, WRONG_USE, NO_SERVER = 1, 2, 3
GIVES_WAY = frozenset({"replay"})
"""Commands that run where a processor is idle, before they are imported: that alone takes one for a second."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("qianbei"), prog_name="qianbei")
def cli() -> None:
    """Qianbei (签备): the exchange of housing-contract filings.

    Example: qianbei demo --events 2000
    """


def main() -> None:
    """Run a command; end with its exit code, and with one clear line for every error that we know."""
    bind()
    if GIVES_WAY.intersection(sys.argv[1:2]):
        yield_processor()
    try:
        # Without standalone mode click gives the code of an Exit back instead of ending with it.
        sys.exit(presented(cli)(prog_name="qianbei", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (Unavailable, AccessDenied) as error:
        _say(error)
        sys.exit(NO_SERVER)
    except (QianbeiError, StackError) as error:
        _say(error)
        sys.exit(WRONG_USE)
    except BrokenPipeError:
        sys.exit(0)


def _say(error: Exception) -> None:
    click.echo(spoken("qianbei: {error}", error=shown(error)), err=True)
