"""``token``: who may use the front door."""

import getpass
import json
from collections.abc import Iterable

import click
from rich.console import Console
from rich.table import Table

from broker.api.tokens import ACTIONS, MAX_DAYS, Token, city_of, issue, load, revoke, scopes_of
from broker.store.connect import connected, translated
from qianbei.cli.completing import principals
from qianbei.language import spoken
from qianbei.site import current_site
from schemas.said import said, shown


@click.group(name="token")
def token_command() -> None:
    """Tokens of the front door: who may file, ask and read over HTTP.

    Example: qianbei token issue bureau --scope read
    """


@token_command.command(name="issue")
@click.argument("principal", shell_complete=principals)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="ACTION[:NAME,…]",
    help=f"One of {', '.join(ACTIONS)}, for some subjects or queries, or for all that PRINCIPAL may; default: everything.",
)
@click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), default=90, show_default=True, help="How long it is valid."
)
@click.option(
    "--city",
    metavar="CODE",
    help="The token is for PRINCIPAL's colleague of another city, who may ask what its entitlement opens to other cities.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the token.")
def issue_command(
    principal: str, scopes: tuple[str, ...], days: int, city: str | None, as_json: bool
) -> None:
    """Make a token for PRINCIPAL and print it. It is shown this once: only its hash is kept.

    Example: qianbei token issue bureau --scope file:sale,lease --scope read --days 90
    """
    city_code = None if city is None else city_of(city)
    admin = current_site().admin
    installation = admin.installation()
    wanted = scopes_of(
        installation.catalogue,
        principal,
        scopes,
        installation.entitlements,
        elsewhere=city_code is not None,
    )
    dsn = admin.dsn()
    with translated(dsn), connected(dsn, "qianbei token") as db:
        token, presented = issue(db, principal, wanted, days, getpass.getuser(), city_code)
    if as_json:
        click.echo(json.dumps(_row(token) | {"token": presented}, ensure_ascii=False))
        return
    until = f"{token.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(
        spoken(
            "{token_id} for {principal}, valid until {until}: {scopes}",
            token_id=token.token_id,
            principal=principal,
            until=until,
            scopes=_listed(token.scopes),
        ),
        err=True,
    )
    click.echo(presented)


@token_command.command(name="revoke")
@click.argument("token_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def revoke_command(token_id: str, as_json: bool) -> None:
    """Take a token back, at once and for ever. Example: qianbei token revoke 3f9c0a7be214"""
    dsn = current_site().admin.dsn()
    with translated(dsn), connected(dsn, "qianbei token") as db:
        revoke(db, token_id)
    if as_json:
        click.echo(json.dumps({"token_id": token_id, "revoked": True}))
    else:
        click.echo(spoken("{token_id} is revoked", token_id=token_id), err=True)


@token_command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_command(as_json: bool) -> None:
    """List all tokens, without their secrets. Example: qianbei token list --json"""
    dsn = current_site().admin.dsn()
    with translated(dsn), connected(dsn, "qianbei token") as db:
        tokens = load(db)
    if as_json:
        for token in tokens:
            click.echo(json.dumps(_row(token), ensure_ascii=False))
        return
    table = Table()
    for name, heading in _COLUMNS.items():
        table.add_column(shown(heading), no_wrap=name == "token_id")
    for token in tokens:
        row = _row(token)
        table.add_row(*(_shown(row[name]) for name in _COLUMNS))
    Console().print(table)


_COLUMNS = {
    "token_id": said("token_id"),
    "principal": said("principal"),
    "scopes": said("scopes"),
    "expires_at": said("expires"),
    "revoked_at": said("revoked"),
    "last_used_at": said("last_used"),
    "created_by": said("created_by"),
}


def _row(token: Token) -> dict[str, object]:
    times = {
        name: None if at is None else at.isoformat(timespec="seconds")
        for name, at in (
            ("created_at", token.created_at),
            ("expires_at", token.expires_at),
            ("revoked_at", token.revoked_at),
            ("last_used_at", token.last_used_at),
        )
    }
    return {
        "token_id": token.token_id,
        "principal": token.principal,
        "city_code": token.city_code,
        "scopes": sorted(token.scopes),
        "created_by": token.created_by,
        **times,
    }


def _listed(scopes: Iterable[str]) -> str:
    """Scopes as they are asked for, such as ``file:lease,sale read``."""
    grouped: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        action, _, subject = scope.partition(":")
        grouped.setdefault(action, []).extend([subject] if subject else [])
    return " ".join(f"{action}:{','.join(some)}" if some else action for action, some in grouped.items())


def _shown(value: object) -> str:
    if isinstance(value, list):
        return _listed(value)
    return "" if value is None else str(value)
