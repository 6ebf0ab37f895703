"""``grant``, ``revoke`` and ``principals``: who takes part."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from broker.errors import ConfigError
from broker.topics import decision_topic, group_prefix, intake_topic
from qianbei.cli.progress import say
from qianbei.grants import files, granting
from qianbei.grants.granting import Planned, copies, delete_copies
from qianbei.grants.listing import Listed, Origin, listed
from qianbei.grants.taking import taken
from qianbei.language import headed, spoken
from qianbei.site import Site, current_site
from qianbei.stack import home_from_env
from schemas.said import said
from schemas.sitefiles import PrincipalTerms, SiteFile


@click.command(name="grant")
@click.argument("what", metavar="FILE|NAME")
@click.option("--like", metavar="DEPARTMENT", help="Send and see what this shipped department does.")
@click.option("--uscc", help="The unified social credit code by which contracts name it.")
@click.option("--zh", help="Its Chinese name.")
@click.option("--en", help="Its English name.")
@click.option(
    "--backfill/--no-backfill",
    default=None,
    help="Whether its new topics are filled from history, by `qianbei backfill`; by default new versions of topics that it had.",
)
@click.option("--dry-run", is_flag=True, help="Judge it and say what would be made; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def grant_command(
    what: str,
    like: str | None,
    uscc: str | None,
    zh: str | None,
    en: str | None,
    backfill: bool | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let a new department or bank take part: password, user, rights, topics and schemas, in one command.

    FILE is an entitlement file with a block `principal` (docs/operating.md). A bank needs no file: give its NAME with
    --like. NAME alone grants again what was revoked. Repeating does no harm, and goes on where a crash ended it. Running
    services take the change in within seconds; the exit code is 1 if one of this machine has not.

    Example: qianbei grant bank.cmb --like bank.icbc --uscc 91411400MA4000022B --zh 商丘丙银行 --en "Bank C of Shangqiu"
    """
    site = current_site()
    planned = granting.plan(site, _wanted(site, what, like, PrincipalTerms(zh=zh, en=en, uscc=uscc)))
    for warning in planned.warnings:
        say(said("note: {warning}", warning=warning))
    if dry_run:
        _tell(planned, as_json)
        return
    path = granting.grant(site, planned, backfill=backfill)
    services = taken(home_from_env(), site.admin.installation().digest)
    unfilled = granting.unfilled(site, planned.name)
    if as_json:
        row = _row(planned) | {"file": str(path), "services": services, "unfilled": unfilled}
        click.echo(json.dumps(row, ensure_ascii=False))
    else:
        _tell_granted(planned, path, services, unfilled)
    end_as_taken(services)


def _tell_granted(
    planned: Planned, path: Path, services: Mapping[str, bool], unfilled: Collection[str]
) -> None:
    say(said("{name} is granted: {path}", name=planned.name, path=path))
    tell_services(services)
    if len(unfilled) < sum(topic.startswith("dept.") for topic in planned.topics):
        say(
            said(
                "what is routed from now on comes to its new topics; what was routed before does not, unless --backfill asks for it"
            )
        )
    if unfilled:
        say(
            said(
                "empty until they are filled from history, by `qianbei backfill {name}`: {topics}",
                name=planned.name,
                topics=", ".join(unfilled),
            )
        )
    say(said("it connects with: qianbei connection {name} --format env|json|kcat|java", name=planned.name))
    for line in _connection_of(planned):
        click.echo(line)


def _wanted(site: Site, what: str, like: str | None, terms: PrincipalTerms) -> SiteFile:
    given = terms != PrincipalTerms()
    if like is not None:
        return files.like(like, what, terms)
    path = Path(what)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if given:
            raise click.UsageError(
                said("--uscc, --zh and --en go with --like; in a file they stand under principal")
            )
        if not path.is_file():
            raise click.UsageError(spoken("there is no file {what}", what=what))
        return files.read_file(path)
    if given:
        raise click.UsageError(spoken("name what it sends and sees with --like DEPARTMENT, or give a file"))
    return granting.again(site, what)


def _row(planned: Planned) -> dict[str, object]:
    rights = [f"{acl.user} {acl.operation} {acl.resource} {acl.name}" for acl in planned.rights]
    return {
        "principal": planned.name,
        "topics": planned.topics,
        "schemas": planned.schemas,
        "rights": rights,
        "warnings": planned.warnings,
    }


def _tell(planned: Planned, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_row(planned), ensure_ascii=False))
        return
    click.echo(files.as_yaml(planned.file).rstrip())
    table = headed("what", "which")
    table.add_row("user", f"{planned.name}, with a password of its own (file of mode 0600)")
    table.add_row("topics", "\n".join(planned.topics))
    table.add_row("schemas", "\n".join(planned.schemas))
    table.add_row(
        "rights", f"{len(planned.rights)} on these topics and on groups {group_prefix(planned.name)}*"
    )
    Console().print(table)
    say(said("nothing was changed"))


def end_as_taken(services: Mapping[str, bool]) -> None:
    """With 1 if a service goes on without knowing."""
    if not all(services.values()):
        raise click.exceptions.Exit(1)


def tell_services(services: Mapping[str, bool]) -> None:
    late = [name for name, done in services.items() if not done]
    if services:
        say(
            said(
                "taken in by {services}",
                services=", ".join(n for n, done in services.items() if done) or said("no service yet"),
            )
        )
    if late:
        say(said("NOT taken in by {late}: see its log", late=", ".join(late)))
    if not services:
        say(
            said(
                "no service runs here; those on other machines take it in when the file is in their folder too"
            )
        )


def _connection_of(planned: Planned) -> list[str]:
    reads = [topic for topic in planned.topics if topic.startswith("dept.")]
    return [
        f"writes  {intake_topic(planned.name)}",
        f"reads   {', '.join((*reads, decision_topic(planned.name)))}",
        f"groups  {group_prefix(planned.name)}*",
    ]


@click.command(name="revoke")
@click.argument("name")
@click.option("--delete-topics", is_flag=True, help="Delete the copies made for it (dept.*, dlq.*) too.")
@click.option("--yes", is_flag=True, help="Do not ask before topics are deleted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def revoke_command(name: str, delete_topics: bool, yes: bool, as_json: bool) -> None:
    """Withdraw a principal's rights, password and tokens, at once. What it sent stays decided, and its topics are kept.

    Clients that are connected are refused with their next request. Its file is kept, dated. `qianbei grant NAME` grants it
    again, with another password.

    Example: qianbei revoke bank.cmb
    """
    site = current_site()
    done = granting.revoke(site, name)
    services = taken(home_from_env(), site.admin.installation().digest)
    deleted: tuple[str, ...] = ()
    if delete_topics:
        deleted = copies(done.kept)
        if not all(services.values()):
            raise ConfigError(
                said(
                    "nothing was deleted: a service still writes there; run this again when it has taken it in"
                )
            )
        if deleted and (
            yes
            or click.confirm(
                spoken("Delete {deleted} with all records?", deleted=", ".join(deleted)), err=True
            )
        ):
            delete_copies(site, deleted)
        else:
            deleted = ()
    kept = [topic for topic in done.kept if topic not in deleted]
    if as_json:
        row = {"principal": name, "file": str(done.path), "rights": done.rights, "tokens": done.tokens}
        row |= {"kept": kept, "deleted": deleted, "services": services}
        click.echo(json.dumps(row, ensure_ascii=False))
    else:
        say(
            said(
                "{name} is revoked: {rights} rights and {tokens} tokens withdrawn, {path}",
                name=name,
                rights=done.rights,
                tokens=done.tokens,
                path=done.path,
            )
        )
        tell_services(services)
        say(said("kept: {topics}", topics=", ".join(kept) or said("no topics")))
        if deleted:
            say(said("deleted: {deleted}", deleted=", ".join(deleted)))
    end_as_taken(services)


@click.command(name="principals")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def principals_command(as_json: bool) -> None:
    """List who takes part: what each sends and sees, on what legal basis, and when it was last heard of.

    Example: qianbei principals --json
    """
    found = listed(current_site())
    if as_json:
        for one in found:
            click.echo(json.dumps(one.as_dict(), ensure_ascii=False))
        return
    table = Table()
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column == "principal")
    for one in found:
        table.add_row(*_cells(one))
    Console().print(table)


_COLUMNS = (
    "principal",
    "names",
    "origin",
    "sends",
    "sees (rows, fields, legal basis)",
    "topics",
    "tokens",
    "last sent",
)


def _cells(one: Listed) -> tuple[str, ...]:
    origin = one.origin.value if one.since is None else f"{one.origin.value} {one.since:%Y-%m-%d}"
    missing = "" if one.credential or one.origin is Origin.REVOKED else "\n[red]no credential[/]"
    return (
        one.name,
        f"{one.zh}\n{one.en}",
        origin + missing,
        "\n".join(f"{subject} {len(types)}" for subject, types in one.sends.items()),
        "\n".join(f"{s.subject}: {s.rows}, {s.fields}, {s.legal_basis}" for s in one.sees),
        f"{one.topics[0]}/{one.topics[1]}",
        str(one.tokens),
        "" if one.last_sent_at is None else f"{one.last_sent_at:%Y-%m-%d %H:%M} UTC",
    )
