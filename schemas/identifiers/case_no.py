"""案号 of a court, 法〔2015〕137号: （year）court type number 号.

The court is a province's character with up to four digits (豫14, 豫1402) or 最高法; the type has one to four characters
(执, 执恢, 执保 …; the rule says at most three, systems add one).  A document may end in 之一, 之二 ….

The brackets of the rule are full-width.  People type half-width ones, and spaces: `normalise` mends both, and records
carry the normalised form only, so that equal cases are equal strings.
"""

import re
import unicodedata

from schemas.identifiers.finding import Finding, Problem

_FORM = re.compile(
    r"（(?:19|20)[0-9]{2}）(?:最高法|[\u4e00-\u9fa5][0-9]{0,4})[\u4e00-\u9fa5]{1,4}[0-9]{1,8}号(?:之[一二三四五六七八九十]+)?"
)
_SPACE = re.compile(r"\s+")
_FULL_WIDTH_BRACKETS = str.maketrans("()〔〕[]", "（）（）（）")

_STRUCTURE = Finding(
    Problem.STRUCTURE,
    "案号应写作（年度）法院代字类型代字编号号，例如（2020）豫1402执1号",
    "a case number is （year）court, type, number, 号, for example （2020）豫1402执1号",
)
_BRACKETS = Finding(
    Problem.CHARACTERS,
    "案号应使用全角括号且不含空格，例如（2020）豫1402执1号",
    "a case number has full-width brackets and no spaces, for example （2020）豫1402执1号",
)


def normalise(value: str) -> str:
    """The rule's writing: full-width brackets, half-width digits, no spaces.  A right value stays as it is."""
    return _SPACE.sub("", unicodedata.normalize("NFKC", value)).translate(_FULL_WIDTH_BRACKETS)


def check(value: str) -> Finding | None:
    """Judge a case number in its normalised form; one that `normalise` would mend is a finding that says so."""
    if _FORM.fullmatch(value) is not None:
        return None
    return _BRACKETS if _FORM.fullmatch(normalise(value)) is not None else _STRUCTURE
