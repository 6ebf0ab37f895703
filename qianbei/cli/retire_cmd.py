"""``retire``: an earlier version of a department's topic ends."""

import json

import click

from broker.errors import ConfigError
from qianbei.cli.completing import topics
from qianbei.cli.grant_cmd import end_as_taken, tell_services
from qianbei.grants.granting import delete_copies
from qianbei.grants.retiring import retire
from qianbei.grants.taking import taken
from qianbei.language import spoken
from qianbei.site import current_site
from qianbei.stack import home_from_env
from schemas.said import said, shown


@click.command(name="retire")
@click.argument("topic", shell_complete=topics)
@click.option("--force", is_flag=True, help="Also while it is read, or the version after it is not filled.")
@click.option("--delete-topic", is_flag=True, help="Delete it too, with all records.")
@click.option("--yes", is_flag=True, help="Do not ask before the topic is deleted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def retire_command(topic: str, force: bool, delete_topic: bool, yes: bool, as_json: bool) -> None:
    """End an earlier version of a department's topic, when all have gone on to the next.

    Nothing is sent to it any more and nobody may read it; what lies there is kept. Refused while members of the
    department's groups read it (who reads without a group is not seen).

    Example: qianbei retire dept.tax.sale.v1
    """
    site = current_site()
    done = retire(site, topic, force=force)
    services = taken(home_from_env(), site.admin.installation().digest)
    deleted = False
    if delete_topic:
        if not all(services.values()):
            raise ConfigError(
                said(
                    "nothing was deleted: a service still writes there; delete the topic when it has taken it in"
                )
            )
        deleted = yes or click.confirm(spoken("Delete {topic} with all records?", topic=topic), err=True)
        delete_copies(site, [topic] if deleted else [])
    if as_json:
        row = {"topic": topic, "file": str(done.path), "rights": done.rights, "deleted": deleted}
        click.echo(json.dumps(row | {"services": services}, ensure_ascii=False))
    else:
        click.echo(
            shown(
                said(
                    "{topic} is retired: {rights} rights withdrawn, {path}",
                    topic=topic,
                    rights=done.rights,
                    path=done.path,
                )
            ),
            err=True,
        )
        tell_services(services)
    end_as_taken(services)
