"""The stack's passwords: generated on the first start, kept in one private file, never on a command line."""

import json
import secrets
from dataclasses import asdict, dataclass, fields

from qianbei.stack.errors import StackError
from qianbei.stack.home import Home, read_json, write_private
from schemas.said import said


@dataclass(frozen=True, repr=False)
class Passwords:
    """Hexadecimal words, so that they need no quoting in JAAS, SQL or a DSN."""

    kafka_admin: str
    kafka_controller: str
    """Between Kafka's own parts; no client has it."""
    postgres: str
    """Of the superuser `postgres`: deployment alone uses it."""
    registry_database: str


def load_or_make(home: Home) -> Passwords:
    """The passwords of this home. Lost ones cannot be made again: the servers hold only their hashes."""
    known = read_json(home.secrets)
    if known is not None:
        try:
            return Passwords(**known)
        except TypeError as error:
            raise StackError(
                said("the passwords are damaged"), str(home.secrets), said("restore that file from a backup")
            ) from error
    if home.is_ready():
        raise StackError(
            said("the passwords are lost"),
            str(home.secrets),
            said("restore that file, or start with a new QIANBEI_HOME"),
        )
    made = Passwords(*(secrets.token_hex(24) for _ in fields(Passwords)))
    write_private(home.secrets, json.dumps(asdict(made), indent=1))
    return made
