"""``quarantine redrive``: quarantined records come back in."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from broker.admission.opening import intake_decoder, law_of
from broker.admission.reasons import REASONS, Severity
from broker.errors import ConfigError
from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from broker.topics import OPERATOR
from qianbei.cli.acts import fit, user
from qianbei.cli.completing import principals
from qianbei.cli.times import Moment
from qianbei.inspect.reading import printable, reader_of
from qianbei.language import headed, spoken
from qianbei.redrive.cases import Case, State, case_at
from qianbei.redrive.choosing import Filter, earlier_held, require_order
from qianbei.redrive.editing import edited_bytes
from qianbei.redrive.gathering import as_operator, gather
from qianbei.redrive.planning import Act, Plan, Planner
from qianbei.redrive.sending import Fate, Reply, redrive
from qianbei.site import Site, current_site
from schemas.catalogue import Catalogue
from schemas.said import said

QUARANTINE_REASONS = sorted(code for code, kind in REASONS.items() if kind.severity is Severity.QUARANTINE)


@click.command(name="redrive")
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@click.option("--reason", required=True, help="Why, in your words; kept for ever, so name no person.")
@click.option("--operator", default=user, show_default="you", help="Who does it; kept for ever.")
@click.option("--principal", shell_complete=principals, help="All that are held of this principal.")
@click.option(
    "--reason-code", type=click.Choice(QUARANTINE_REASONS), help="All that are held for this reason."
)
@click.option("--since", type=Moment(), help="All quarantined at this time or later.")
@click.option("--until", type=Moment(), help="All quarantined before this time.")
@click.option(
    "--key", "keys", multiple=True, help="All that belong to this house code or entity; may be repeated."
)
@click.option(
    "--edit",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send what stands in this file instead: an event in JSON, or bytes. For one PLACE.",
)
@click.option(
    "--skip-earlier", is_flag=True, help="Pass over earlier records of the same keys that are held."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds to wait for each."
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one for each record.")
def redrive_command(
    places: tuple[str, ...],
    reason: str,
    operator: str,
    principal: str | None,
    reason_code: str | None,
    since: datetime | None,
    until: datetime | None,
    keys: tuple[str, ...],
    edit: Path | None,
    skip_earlier: bool,
    dry_run: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send quarantined records in again, by PLACE or by filter, each key in its order, and wait for each outcome.

    A record is judged as if its source had sent it, and once: after that it is a duplicate, or refused if it was edited
    otherwise. Its key is worked out from what it says. Ends with 1 if any was not accepted.

    \b
    Example: qianbei quarantine redrive intake.bureau/2/118 --reason "wrong partitioner, mended by the bureau"
             qianbei quarantine redrive --principal bureau --reason-code MISROUTED --reason "ticket 4711" --dry-run
             qianbei quarantine show intake.bureau/2/118 --event > event.json
             qianbei quarantine redrive intake.bureau/2/118 --edit event.json --reason "id in capitals"
    """
    chosen = Filter(principal, reason_code, since, until, frozenset(keys))
    _require_usage(places, chosen, edit)
    act = Act(fit("operator", operator), fit("reason", reason), datetime.now(UTC))
    site = current_site()
    catalogue = site.admin.installation().catalogue
    plans = _plans(site, catalogue, act, places, chosen, edit, skip_earlier=skip_earlier)
    if dry_run:
        _show_plans(plans, as_json=as_json)
        good = all(plan.unfit is None and not plan.refused for plan in plans)
    else:
        good = all(reply.accepted for reply in _sent(site, plans, timeout, as_json=as_json))
    if not good:
        raise click.exceptions.Exit(1)


def _require_usage(places: Sequence[str], chosen: Filter, edit: Path | None) -> None:
    if bool(places) == bool(chosen):
        raise click.UsageError(
            spoken("name one or more places, or else a filter: --principal, --reason-code, --key …")
        )
    if edit is not None and len(places) != 1:
        raise click.UsageError(spoken("--edit is for one place"))


# --- planning -------------------------------------------------------------------------------------------------------


def _plans(
    site: Site,
    catalogue: Catalogue,
    act: Act,
    places: Sequence[str],
    chosen: Filter,
    edit: Path | None,
    *,
    skip_earlier: bool,
) -> list[Plan]:
    """What is to be sent, in order. Raises ConfigError where the order of a key forbids it."""
    settings = as_operator(site)
    with Registry(settings.registry_url) as registry, reader_of(site, OPERATOR) as reader:
        planner = Planner(intake_decoder(registry, catalogue), law_of(settings, catalogue), settings.slots)
        cases = gather(reader, AnyDecoder(registry), settings, catalogue)
        held = [planner.plan(case, case.newest, act) for case in cases if case.state is State.HELD]
        if places:
            plans = [_named(planner, cases, text, act, edit, registry) for text in dict.fromkeys(places)]
        else:
            plans = [plan for plan in held if chosen.takes(plan)]
    if not plans:
        raise ConfigError(said("nothing in quarantine is held that this filter takes"))
    if skip_earlier:
        _say_passed_over(earlier_held(plans, held))
    else:
        require_order(plans, held)
    return sorted(plans, key=lambda plan: plan.case.order)


def _named(
    planner: Planner, cases: Sequence[Case], text: str, act: Act, edit: Path | None, registry: Registry
) -> Plan:
    case, one = case_at(cases, text)
    if edit is None:
        return planner.plan(case, one, act)
    bytes_ = edited_bytes(edit, case.principal, planner.law.catalogue, registry)
    plan = planner.plan(case, one, act, bytes_)
    if plan.refused:
        # A refusal is a decision: it could not be taken back, and the place could not be redriven again.
        found = "\n".join(_texts(plan))
        raise ConfigError(
            said("{edit} would be refused, so it is not sent:\n{found}", edit=edit, found=found)
        )
    return plan


def _say_passed_over(left: Sequence[Plan]) -> None:
    for plan in left:
        click.echo(spoken("passed over: {place}, earlier of the same key", place=plan.held.place), err=True)


# --- showing --------------------------------------------------------------------------------------------------------


def _texts(plan: Plan) -> list[str]:
    if plan.unfit is not None:
        return [printable(f"{plan.unfit.code}: {plan.unfit.detail}")]
    return [f"{one.severity}: {one.code} {one.field or ''} {one.zh} {one.en}" for one in plan.foreseen]


def _plan_dict(plan: Plan) -> dict[str, object]:
    body = plan.candidate.body if plan.candidate else None
    return {
        "place": plan.held.place,
        "principal": plan.case.principal,
        "state": plan.case.state.value,
        "key": plan.key,
        "slot": plan.message.partition,
        "edited": plan.edited,
        "subject": plan.candidate and plan.candidate.subject,
        "event_type": body and body["event_type"],
        "event_id": body and body["event_id"],
        "entity_id": body and body["entity_id"],
        "unfit": plan.unfit and plan.unfit._asdict(),
        "foreseen": [
            {"code": one.code, "severity": one.severity.value, "field": one.field, "zh": one.zh, "en": one.en}
            for one in plan.foreseen
        ],
    }


def _show_plans(plans: Sequence[Plan], *, as_json: bool) -> None:
    if as_json:
        for plan in plans:
            click.echo(json.dumps(_plan_dict(plan), ensure_ascii=False))
        return
    table = headed(
        "place",
        "as",
        "what",
        "foreseen",
        caption=spoken("{count} records; nothing was sent", count=len(plans)),
    )
    for plan in plans:
        what = f"{plan.candidate.subject} {plan.candidate.event_type}" if plan.candidate else "?"
        where = f"{plan.case.principal}, slot {plan.message.partition}, key {printable(plan.key)}"
        table.add_row(
            plan.held.place, where, printable(what), "\n".join(_texts(plan)) or "nothing against it"
        )
    Console().print(table)


def _reply_dict(reply: Reply) -> dict[str, object]:
    decision = reply.decision
    return {
        "place": reply.plan.held.place,
        "principal": reply.plan.case.principal,
        "outcome": reply.fate.value,
        "accepted": reply.accepted,
        "redriven": None if reply.place is None else str(reply.place),
        "decision_id": decision and decision.decision_id,
        "first_decision_id": decision and decision.first_decision_id,
        "reasons": [r._asdict() for r in decision.reasons] if decision else [],
        "detail": reply.detail,
    }


def _reply_text(reply: Reply) -> str:
    lines = [f"{reply.plan.held.place}  {reply.fate}  {printable(reply.detail)}".rstrip()]
    if reply.fate is Fate.DUPLICATE and reply.standing is not None:
        lines.append(
            spoken(
                "  the decision that stands: {outcome}, {decision_id}",
                outcome=reply.standing.outcome,
                decision_id=reply.standing.decision_id,
            )
        )
    if reply.decision is not None:
        lines += [f"  {r.code} {r.field or ''} {r.zh} {r.en}" for r in reply.decision.reasons]
    return "\n".join(lines)


def _sent(site: Site, plans: Sequence[Plan], timeout: float, *, as_json: bool) -> list[Reply]:
    def show(reply: Reply) -> None:
        click.echo(json.dumps(_reply_dict(reply), ensure_ascii=False) if as_json else _reply_text(reply))

    with _bar(len(plans)) as done:

        def say(reply: Reply) -> None:
            show(reply)
            done()

        replies = redrive(site, plans, say, timeout_s=timeout)
    count = sum(reply.accepted for reply in replies)
    click.echo(spoken("{count} records, {count2} accepted", count=len(replies), count2=count), err=True)
    return replies


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("redriving"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("records", total=total)
        yield lambda: progress.advance(task)
