"""``connection``: what a client needs."""

import click

from qianbei.cli.completing import principals
from qianbei.inspect.connection import FORMATS, client_connection, over_line
from qianbei.site import current_site
from qianbei.stack.line import FOLDER


@click.command(name="connection")
@click.argument("principal", shell_complete=principals)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="env",
    show_default=True,
    help="For shells, programs, kcat, or Kafka's Java clients.",
)
@click.option(
    "--line",
    metavar="HOST:PORT",
    help="Over the dedicated line: with the certificate of `qianbei line issue PRINCIPAL`, and without a password.",
)
def connection_command(principal: str, form: str, line: str | None) -> None:
    """Print all that a client of PRINCIPAL needs: servers, user, password, topics. The output holds a password.

    \b
    Example: qianbei connection tax --format kcat > tax.conf
             qianbei connection tax --line 127.0.0.1:9098 > tax.env
    """
    site = current_site()
    found = client_connection(site, principal)
    click.echo(FORMATS[form](over_line(found, line, site.secrets / FOLDER) if line else found))
