"""``connection``: what a client needs."""

import click

from qianbei.cli.completing import principals
from qianbei.inspect.connection import FORMATS, client_connection
from qianbei.site import current_site


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
def connection_command(principal: str, form: str) -> None:
    """Print all that a client of PRINCIPAL needs: servers, user, password, topics. The output holds a password.

    Example: qianbei connection tax --format kcat > tax.conf
    """
    click.echo(FORMATS[form](client_connection(current_site(), principal)))
