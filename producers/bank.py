"""A bank: its own mortgages. Each bank is a principal of its own."""

from producers.source import Mortgagee


class BankIcbc(Mortgagee):
    """商丘甲银行."""

    principal = "bank.icbc"


class BankCcb(Mortgagee):
    """商丘乙银行."""

    principal = "bank.ccb"
