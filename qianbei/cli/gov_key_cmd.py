"""``gov-key``: the keys with which the government-service platform signs."""

import getpass
import json

import click
from rich.console import Console
from rich.table import Table

from broker.gov.keys import MAX_DAYS, SigningKey, issue, load, revoke, secret_of
from broker.store.connect import connected, translated
from qianbei.language import spoken
from qianbei.site import current_site
from schemas.said import said, shown


@click.group(name="gov-key")
def gov_key_command() -> None:
    """Signing keys of the government-service platform, which asks for citizens. See docs/connect/gov.md.

    Example: qianbei gov-key issue --days 90 --json
    """


@gov_key_command.command(name="issue")
@click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), default=90, show_default=True, help="How long it is valid."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the secret.")
def issue_command(days: int, as_json: bool) -> None:
    """Make a key and print its id and secret. It can be shown again by nobody: keep both in a file of mode 0600.

    Example: qianbei gov-key issue --days 90 --json > gov.key
    """
    settings = current_site().settings("qb-operator")
    party_key, dsn = settings.party_key(), current_site().admin.dsn()
    with translated(dsn), connected(dsn, "qianbei gov-key") as db:
        key = issue(db, days, getpass.getuser())
    secret = secret_of(party_key, key.key_id).hex()
    if as_json:
        click.echo(json.dumps(_row(key) | {"secret": secret}))
        return
    until = f"{key.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(spoken("{key_id}, valid until {until}; its secret:", key_id=key.key_id, until=until), err=True)
    click.echo(secret)


@gov_key_command.command(name="revoke")
@click.argument("key_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def revoke_command(key_id: str, as_json: bool) -> None:
    """Take a key back, at once and for ever. Example: qianbei gov-key revoke gk3f9c0a7be214d5e6"""
    dsn = current_site().admin.dsn()
    with translated(dsn), connected(dsn, "qianbei gov-key") as db:
        revoke(db, key_id)
    if as_json:
        click.echo(json.dumps({"key_id": key_id, "revoked": True}))
    else:
        click.echo(spoken("{key_id} is revoked", key_id=key_id), err=True)


@gov_key_command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_command(as_json: bool) -> None:
    """List all keys, without their secrets. Example: qianbei gov-key list --json"""
    dsn = current_site().admin.dsn()
    with translated(dsn), connected(dsn, "qianbei gov-key") as db:
        rows = [_row(key) for key in load(db)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    table = Table(*(shown(heading) for heading in _COLUMNS.values()))
    for row in rows:
        table.add_row(*(row[name] or "" for name in _COLUMNS))
    Console().print(table)


_COLUMNS = {
    "key_id": said("key_id"),
    "principal": said("principal"),
    "created_at": said("created"),
    "created_by": said("created_by"),
    "expires_at": said("expires"),
    "revoked_at": said("revoked"),
}


def _row(key: SigningKey) -> dict[str, str | None]:
    return {
        "key_id": key.key_id,
        "principal": key.principal,
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds"),
        "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
    }
