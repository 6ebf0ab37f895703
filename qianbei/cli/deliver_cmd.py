"""``deliver``: a department's records into files or to a web hook, without code."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from broker import logging
from broker.errors import ConfigError
from broker.metrics import served as metrics_served
from broker.topics import group_prefix
from consumers.health import Health, served
from consumers.outputs.daily import daily
from consumers.outputs.forms import CSV, JSON_LINES
from consumers.outputs.webhook import webhook
from consumers.subscription import Subscription
from consumers.target import HandlerTarget, OpenTarget
from qianbei.cli import completing
from qianbei.services import stopping
from qianbei.site import settings_of
from schemas.said import said


@click.command(name="deliver")
@click.argument("department", shell_complete=completing.departments)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    required=True,
    shell_complete=completing.topics,
    help="A topic of the department; several times.",
)
@click.option("--group", help="The consumer group; by default <department>-deliver.")
@click.option("--jsonl", type=click.Path(path_type=Path), help="JSON Lines into this folder, a file a day.")
@click.option(
    "--csv", "csv_folder", type=click.Path(path_type=Path), help="CSV into this folder, a file a day."
)
@click.option("--webhook", "url", help="POST each record to this address (https, or loopback).")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, path_type=Path),
    help="With --webhook: 64 hex digits in a file of mode 0600, shared with the receiver.",
)
@click.option(
    "--receipts",
    type=click.Path(path_type=Path),
    default=Path("receipts"),
    help="With --webhook: where answers are kept.",
)
@click.option("--health-port", type=click.IntRange(0, 65535), help="Answer GET /health on 127.0.0.1.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on 127.0.0.1.")
def deliver_command(
    department: str,
    topics: tuple[str, ...],
    group: str | None,
    jsonl: Path | None,
    csv_folder: Path | None,
    url: str | None,
    secret_file: Path | None,
    receipts: Path,
    health_port: int | None,
    metrics_port: int | None,
) -> None:
    """Deliver records of DEPARTMENT into files or to a web hook, until Ctrl-C.

    Files hold each record exactly once; a web hook gets it at least once, with the same Idempotency-Key. What fails is
    held in the dead-letter topic (see `qianbei dead-letters`).

    \b
    Example: qianbei deliver tax --topic dept.tax.sale.v1 --jsonl /data/tax
             qianbei deliver tax --topic dept.tax.sale.v1 --webhook https://tax.example/in --secret-file hook.key
    """
    if sum(way is not None for way in (jsonl, csv_folder, url)) != 1:
        raise ConfigError(said("say where the records go: one of --jsonl, --csv and --webhook"))
    logging.configure()
    subscription = Subscription(
        settings_of(department), group or f"{group_prefix(department)}deliver", topics
    )
    health, stop = Health(), threading.Event()
    with (
        stopping(stop),
        served(health, health_port),
        metrics_served(health.metrics, metrics_port),
        _target(jsonl, csv_folder, url, secret_file, receipts) as target,
    ):
        subscription.run_into(target, stop, health)


@contextmanager
def _target(
    jsonl: Path | None, csv_folder: Path | None, url: str | None, secret_file: Path | None, receipts: Path
) -> Iterator[OpenTarget]:
    if jsonl is not None:
        yield daily(jsonl, JSON_LINES)
    elif csv_folder is not None:
        yield daily(csv_folder, CSV)
    else:
        assert url is not None
        with webhook(url, _secret(secret_file), receipts) as handler:
            yield lambda: nullcontext(HandlerTarget(handler))


def _secret(path: Path | None) -> bytes:
    if path is None:
        raise ConfigError(
            said("--webhook needs --secret-file: openssl rand -hex 32 > hook.key; chmod 600 hook.key")
        )
    if path.stat().st_mode & 0o077:
        raise ConfigError(said("{path} can be read by others: chmod 600 {path}", path=path))
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raise ConfigError(said("{path} is no secret: it must hold 64 hex digits", path=path)) from None
