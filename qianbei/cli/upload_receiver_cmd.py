"""``upload receiver`` and ``upload figures``: the receiving end, for tests and sandboxes."""

import json
import threading
from datetime import datetime
from pathlib import Path

import click

from broker import logging
from broker.batches import read_key
from broker.settings import Listen
from consumers.upload.parcel import BadParcel
from consumers.upload.receiver import Receiver, channel_named
from consumers.upload.server import receiver_app, served
from consumers.upload.store import Store
from qianbei.language import spoken
from qianbei.services import stopping

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
store_option = click.option(
    "--store", "dsn", required=True, help="Where filings are kept: sqlite:///FILE or postgresql://…"
)


@click.command(name="receiver")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@store_option
@click.option("--key", type=_FILE, help="The key of both ends, a file of mode 0600; HTTP needs it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond loopback with TLS only.")
@click.option("--port", type=click.IntRange(0, 65535), default=8480, show_default=True)
@click.option("--certfile", type=_FILE, help="PEM: the certificate and its chain.")
@click.option("--keyfile", type=_FILE, help="PEM: its key.")
@click.option("--once", is_flag=True, help="Take what carriers laid into the inboxes under DIR, then end.")
def receiver_command(
    folder: Path,
    dsn: str,
    key: Path | None,
    host: str,
    port: int,
    certfile: Path | None,
    keyfile: Path | None,
    once: bool,
) -> None:
    """Receive batches over HTTP, or with --once from folders, into a database; answer with signed receipts.

    Exit codes: 0 stopped, or all was taken; 1 with --once: something was rejected or waits; 3 the database is away.

    \b
    Example: qianbei upload receiver /data/received --store sqlite:////data/received.db --key upload.key
    """
    logging.configure()
    secret = read_key(key)
    store = Store(dsn)
    store.prepare()
    receiver = Receiver(folder, store, secret)
    if once:
        problems = [why for found in receiver.take_what_lies_there().values() for why in found]
        for why in problems:
            click.echo(why, err=True)
        raise click.exceptions.Exit(1 if problems else 0)
    if secret is None:
        raise click.UsageError(spoken("over HTTP give --key: openssl rand -hex 32 > FILE; chmod 600 FILE"))
    stop = threading.Event()
    app = receiver_app(receiver, secret)
    with stopping(stop), served(app, Listen(host, port, certfile, keyfile)) as url:
        click.echo(spoken("receiving at {url}; Ctrl-C ends it", url=url))
        stop.wait()


@click.command(name="figures")
@click.argument("channels", nargs=-1, required=True)
@store_option
@click.option("--day", type=click.DateTime(formats=["%Y-%m-%d"]), required=True, help="The day in China.")
def figures_command(channels: tuple[str, ...], dsn: str, day: datetime) -> None:
    """Print the receiver's figures of a day of CHANNELS as JSON, for a carrier to bring to the sender.

    Example: qianbei upload figures city.411402 --store sqlite:////data/received.db --day 2026-11-26 > figures.json
    """
    store, name = Store(dsn), day.date().isoformat()
    store.prepare()
    try:
        known = [channel_named(channel).name for channel in channels]
    except BadParcel as error:
        raise click.UsageError(str(error)) from None
    found = {channel: {name: store.figures(channel, name).in_full()} for channel in known}
    click.echo(json.dumps(found, ensure_ascii=False))
