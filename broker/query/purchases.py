"""What somebody has bought and has not sold on."""

from collections.abc import Collection, Sequence
from datetime import date

from broker.query.reading import Reading
from broker.query.records import Record
from broker.query.standing import sold_on


async def kept(reading: Reading, bought: Sequence[Record], refs: Collection[str], day: date) -> list[Record]:
    """Of these sales, in which persons of ``refs`` buy, those whose house they have not transferred to others by that day."""
    houses = sorted({sale["house_code"] for sale in bought})
    later = await reading.by("sale", "house_code", *houses) if houses else []
    return [
        sale
        for sale in bought
        if not sold_on(sale, [one for one in later if one["house_code"] == sale["house_code"]], refs, day)
    ]
