"""``asyncapi``: the topics as an AsyncAPI 3 document."""

import json
from typing import Any

import click
import yaml

from qianbei.cli.completing import departments
from qianbei.inspect.asyncapi import Servers, document
from qianbei.site import known_installation


@click.command(name="asyncapi")
@click.option(
    "--department", shell_complete=departments, help="One principal, such as tax or bank.icbc; default: all."
)
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.option(
    "--bootstrap", envvar="QIANBEI_KAFKA_BOOTSTRAP", help="host:port to write in; default: left open."
)
@click.option("--registry", envvar="SCHEMA_REGISTRY_URL", help="The schema registry's URL to write in.")
@click.option(
    "--partitions",
    envvar="QIANBEI_SLOTS",
    type=click.IntRange(1),
    help="The number of partitions to write in.",
)
@click.option("--plaintext", is_flag=True, help="The line is not encrypted (loopback).")
def asyncapi_command(
    department: str | None,
    form: str,
    bootstrap: str | None,
    registry: str | None,
    partitions: int | None,
    plaintext: bool,
) -> None:
    """Print what a department's program receives and sends, as an AsyncAPI 3 document with Avro schemas. Needs no server.

    Example: qianbei asyncapi --department tax > tax.asyncapi.yaml
    """
    servers = Servers(bootstrap, registry, partitions, encrypted=not plaintext)
    installation = known_installation()
    wanted = [department] if department else installation.catalogue.members
    made = document(installation, wanted, servers)
    click.echo(
        json.dumps(made, ensure_ascii=False, indent=2) if form == "json" else _yaml(made), nl=form == "json"
    )


class _Plain(yaml.SafeDumper):
    """Without anchors: a part that stands twice is written twice, for tools that do not follow them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _yaml(made: dict[str, Any]) -> str:
    text: str = yaml.dump(made, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=120)
    return text
