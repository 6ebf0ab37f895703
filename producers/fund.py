"""The housing provident fund: its own mortgages."""

from producers.source import Mortgagee


class Fund(Mortgagee):
    """市住房公积金管理中心: 公积金贷款抵押合同 are shared at once with the filing system (建房〔2020〕61号 三)."""

    principal = "fund"
