"""Synthetic identifiers with right check characters, computed from the standards and not from ``schemas``.

Being independent, they test the exchange's checks instead of repeating their errors. Sources: GB 11643 (citizen id),
GB 32100 and GB 11714 (company), JGJ/T 246 and GB/T 17710 (house code), GB/T 37346 (realty unit), 法〔2015〕137号 (case number).
"""

from datetime import date

UNASSIGNED_COUNTY = (
    "411499"  # no such county was ever assigned: nobody alive can hold a number that begins so
)

_CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_CHECKS = "10X98765432"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_CHECKS = "0123456789X"


def citizen_id(born: date, sequence: int) -> str:
    """A citizen id of the unassigned county; ``sequence`` is 0–999, odd for men."""
    body = f"{UNASSIGNED_COUNTY}{born:%Y%m%d}{sequence:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _CITIZEN_WEIGHTS, strict=True))
    return body + _CITIZEN_CHECKS[total % 11]


def uscc(county_code: str, organisation: int) -> str:
    """A unified social credit code of a company (91…); ``organisation`` is 0–99,999 and makes it unique in its county."""
    org = f"MA4{organisation:05d}"
    org_total = sum(int(char, 36) * weight for char, weight in zip(org, _ORG_WEIGHTS, strict=True))
    body = f"91{county_code}{org}{_ORG_CHECKS[-org_total % 11]}"
    total = sum(_USCC_ALPHABET.index(char) * weight for char, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return body + _USCC_ALPHABET[-total % 31]


def house_code(region: str, building: str, unit: int) -> str:
    """A house code: region of 9 digits, building of 12 characters, unit 1–9999, check digit (MOD 11,10; ``*`` is 0)."""
    body = f"{region}{building}{unit:04d}"
    product = 10
    for char in body:
        digit = 0 if char == "*" else int(char)
        product = 2 * ((digit + product) % 10 or 10) % 11
    return f"{body}{(11 - product) % 10}"


def realty_unit_no(county_code: str, zone: int, parcel: int, building: int, unit: int) -> str:
    """A realty unit number of a building on state-owned construction land (GB … F …)."""
    return f"{county_code}{zone:03d}{parcel % 1000:03d}GB{parcel:05d}F{building:04d}{unit:04d}"


def case_no(year: int, court: str, kind: str, number: int) -> str:
    """A court's case number, such as （2021）豫1402执88号."""
    return f"（{year}）{court}{kind}{number}号"


def murmur2(data: bytes) -> int:
    """Kafka's murmur2, written from its published definition; the slot of a key is this modulo the slots."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    state = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        state = state * multiplier & mask ^ word
    tail = data[whole:]
    if tail:
        state = (state ^ int.from_bytes(tail, "little")) * multiplier & mask
    state = (state ^ state >> 13) * multiplier & mask
    return state ^ state >> 15


def slot_of(key: bytes, slots: int) -> int:
    """The slot, that is the partition, to which a key belongs."""
    return (murmur2(key) & 0x7FFFFFFF) % slots
