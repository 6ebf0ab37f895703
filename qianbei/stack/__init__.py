"""The embedded stack: real Kafka, Postgres and a schema registry as child processes, without Docker or
root."""

from qianbei.stack.children import Child, ChildState, ChildStatus, Lifetime
from qianbei.stack.embedded import embedded_stack
from qianbei.stack.errors import StackError
from qianbei.stack.home import home_from_env
from qianbei.stack.stack import SERVERS, Stack
from qianbei.stack.supervisor import Supervisor

__all__ = [
    "SERVERS",
    "Child",
    "ChildState",
    "ChildStatus",
    "Lifetime",
    "Stack",
    "StackError",
    "Supervisor",
    "embedded_stack",
    "home_from_env",
]
