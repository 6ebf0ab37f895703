"""Checks and check digits of the identifiers that housing records carry.

Each module names its standard and gives ``check(value) -> Finding | None`` (``uscc.check`` answers with a `uscc.Result`
because a wrong check digit there is a warning and never a refusal).  Where the standard has a check character, the
module also gives ``check_digit(body)`` for those who make identifiers.

======================  ==========================================================================
`citizen_id`            GB 11643-1999 公民身份号码, and the older form of 15 digits
`uscc`                  GB 32100-2015 统一社会信用代码, with the GB 11714 code inside
`house_code`            JGJ/T 246-2012 房屋编码, and tagged local codes
`realty_unit`           GB/T 37346-2019 不动产单元代码
`case_no`               法〔2015〕137号 案号
`documents`             passports and the travel and residence documents of 港澳台 residents and foreigners
`phone`                 telephone numbers
======================  ==========================================================================
"""

from schemas.identifiers.finding import Finding, Problem

__all__ = ["Finding", "Problem"]
