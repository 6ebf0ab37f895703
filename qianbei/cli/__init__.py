"""The command line. Each module beside this one holds the commands of one concern; nothing is decided here.

Exit codes: 0 done; 1 a check found something wrong; 2 wrong use or configuration; 3 a server does not answer or
refuses us.
"""

from qianbei.cli.main import main

__all__ = ["main"]
