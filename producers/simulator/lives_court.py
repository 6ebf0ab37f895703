"""The court's loop: seizures in all their kinds, listings, watches; and the documents by which people are known."""

from datetime import datetime, timedelta

from producers.simulator.docket import Deal, Home, pick
from producers.simulator.dossier import Dossier
from producers.simulator.ledger import Record
from producers.simulator.people import Party, other_document
from producers.simulator.town import Happen, Life, Start, Town

FORMAL, WAITING, PRE, WAITING_PRE = "1", "2", "3", "4"
_WAITING_TERMS = ("3年", "36个月", "180天", "1年", None, None)
_SHORT_DAYS = (15, 40)


def any_seizure(town: Town) -> Life:
    """What a court may seize: a home, one that is being sold, one that is seized already."""
    chance = town.rng.random()
    if chance < 0.3 and (hold := pick(town.rng, town.docket.holds)):
        earlier = hold.seizure.state.record["served_at"] if chance < 0.07 else None
        return waiting_life(town, hold.home, earlier)
    if chance < 0.48 and (deal := pick(town.rng, town.docket.deals)):
        return deal_seizure_life(town, deal)
    if chance < 0.57:
        return short_seizure_life(town, town.any_home())
    return seizure_life(town, town.any_home())


def seizure_life(town: Town, home: Home) -> Life:
    """A court seizes a home of its debtor; one that names only the realty unit number finds its house by that."""
    kind = FORMAL if home.owners[0].is_person else PRE
    target = {"house_code": None, "realty_unit_no": home.unit.realty_unit_no} if town.chance(0.06) else {}
    yield from _seized(town, home, _notice(town, home, kind) | target)


def deal_seizure_life(town: Town, deal: Deal) -> Life:
    """What the buyer of a home that is not his yet has of it is pre-seized; some courts know only the contract."""
    home = Home(deal.home.unit, deal.buyers)
    target = {"house_code": None, "contract_no": deal.sale.entity_id} if town.chance(0.3) else {}
    yield from _seized(town, home, _notice(town, home, PRE) | target)


def short_seizure_life(town: Town, home: Home) -> Life:
    """A seizure of a few weeks, which runs out without any document; another may wait behind it."""
    record = _notice(town, home, FORMAL)
    record["end_date"] = record["start_date"] + timedelta(days=town.rng.randrange(*_SHORT_DAYS))
    if town.chance(0.6):
        yield Start(waiting_life(town, home, None))
    yield from _seized(town, home, record, is_lasting=False)


def waiting_life(town: Town, home: Home, before: datetime | None) -> Life:
    """Another court wants a home that is seized. With ``before``, its notice was served earlier and arrives later."""
    if before is None:
        yield town.days(3)
    kind = WAITING if home.owners[0].is_person else WAITING_PRE
    record = _notice(town, home, kind) | {
        "start_date": None,
        "end_date": None,
        "waiting_term": town.rng.choice(_WAITING_TERMS),
    }
    if before is not None:
        # So it takes the first place, as a seizure of its own term.
        record["served_at"] = before - timedelta(hours=town.rng.randrange(1, 72))
    yield from _seized(town, home, record)


def unregistered_seizure_life(town: Town, home: Home) -> Life:
    """A seizure of a home that the building table does not have yet."""
    yield town.days(2)
    yield from _seized(town, home, _notice(town, home, PRE), is_lasting=False)


def _notice(town: Town, home: Home, kind: str) -> Record:
    return town.offices.seizure(home.unit, home.owners[0], town.clock.now(), kind)


def _seized(town: Town, home: Home, record: Record, *, is_lasting: bool = True) -> Life:
    """The life of a seizure from its notice on. One that is not ``is_lasting`` may be over when it is decided."""
    seizure = town.dossier("court", "seizure", record)
    town.docket.seize(home, seizure, is_in_force=is_lasting and bool(record["house_code"]))
    yield Happen(seizure, "SEIZED")
    if not record["house_code"]:
        yield town.days(25)
        if town.chance(0.5):
            return
        # By now the court has been told which house it is.
        yield Happen(seizure, "CHANGED", {"house_code": home.unit.house_code})
    elif town.chance(0.1):
        yield town.days(10)
        yield Happen(seizure, "CHANGED", {"scope": "房屋所有权及土地使用权"})
    if is_lasting and record["end_date"] and town.chance(0.15):
        yield town.days(60)
        end = record["end_date"]
        yield Happen(seizure, "RENEWED", {"end_date": end.replace(year=end.year + 3, day=min(end.day, 28))})
    if town.chance(0.45):
        yield town.days(80)
        yield Happen(seizure, "RELEASED", _release(town, seizure))
        town.docket.release(home, seizure)


def _release(town: Town, seizure: Dossier) -> Record:
    record = seizure.state.record
    disposal = town.rng.choices((None, "WHOLE", "PARTIAL"), (70, 18, 12))[0]
    return {
        "release_org": record["court_name"],
        "release_ruling_no": f"{record['case_no']}之三",
        "released_at": town.clock.now(),
        "release_reason": "被执行人已履行义务" if disposal is None else "查封房屋已处分",
        "disposal": disposal,
    }


# -- people -------------------------------------------------------------------------------------------------------------


def any_listing(town: Town) -> Life:
    """A debtor is listed: a company, somebody who is buying a home just now, or anybody."""
    chance = town.rng.random()
    if chance < 0.2 and (deal := pick(town.rng, town.docket.deals)):
        return listing_life(town, deal.buyers[0])
    return listing_life(town, town.people.company() if chance < 0.35 else town.people.person())


def listing_life(town: Town, who: Party) -> Life:
    """A debtor is listed, and leaves the list within three working days of doing what was owed."""
    record = town.offices.listing(town.any_home().unit.county, who, town.clock.now())
    is_lasting, blocks = not town.chance(0.08), not town.chance(0.1)
    if not is_lasting:
        record["expires_on"] = record["published_on"] + timedelta(days=town.rng.randrange(*_SHORT_DAYS))
    if not blocks:
        record["list_type"] = "CONSUMPTION"
    listing = town.dossier("court", "defaulter", record)
    town.docket.enter(who, listing, is_in_force=is_lasting and blocks)
    yield Happen(listing, "LISTED")
    if town.chance(0.2):
        yield town.days(40)
        yield Happen(listing, "CHANGED", {"performance": "部分履行", "performed_part": "已给付部分款项"})
    if town.chance(0.4):
        yield town.days(70)
        yield Happen(listing, "REMOVED", {"removed_at": town.clock.now(), "removal_reason": "全部义务已履行"})
        town.docket.strike(who, listing)


def watch_life(town: Town) -> Life:
    """A court watches a person or a house for a time."""
    home = town.any_home()
    about = home.unit if town.chance(0.5) else None
    watch = town.dossier(
        "court", "watch", town.offices.watch(home.unit.county, town.people.person(), about, town.clock.now())
    )
    yield Happen(watch, "OPENED")
    if town.chance(0.2):
        yield town.days(30)
        yield Happen(watch, "CHANGED", {"purpose": "执行查控（延长）"})
    if town.chance(0.5):
        yield town.days(60)
        yield Happen(watch, "CLOSED", {"close_reason": "案件执结"})


def alias_life(town: Town, principal: str) -> Life:
    """Two numbers are one person's: the old one of 15 digits and the one of 18, or a passport. Some of the listed too."""
    who = pick(town.rng, town.docket.listed) if town.chance(0.3) else None
    if who is None or not who.is_person or who.id_no in town.docket.aliases:
        who = town.people.person()
    other = other_document(town.rng, who)
    record = town.offices.alias(town.any_home().unit.county, other, who, town.clock.now())
    alias = town.dossier(principal, "alias", record)
    yield Happen(alias, "LINKED")
    town.docket.aliases[who.id_no] = other
    if town.chance(0.15):
        yield town.days(20)
        town.docket.aliases.pop(who.id_no, None)
        yield Happen(alias, "UNLINKED", {"reason": "关联有误"})
