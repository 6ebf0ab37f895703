"""The texts of stage 5, the rules of law, in the form of ``reason_texts``.

The severity and the legal basis given here are those of the law as such. The policy says where and since when a rule
holds, whether it refuses or warns there, and on what basis.
"""

from broker.admission.reason_texts import FILING_RULES, Text

LAW_TEXTS: tuple[Text, ...] = (
    (
        "UNIT_UNKNOWN",
        "REFUSE",
        5,
        "楼盘表中没有该房屋，或该房屋已撤回。请先在楼盘表登记房屋，再签约备案。",
        "The building table does not have this unit, or no longer. Register the unit first, then sign "
        "and file.",
        FILING_RULES,
    ),
    (
        "UNIT_ALREADY_SOLD",
        "REFUSE",
        5,
        "该房屋已有未终止的买卖合同。请先注销或撤销原合同，再签约备案。",
        "Another sale contract stands on this unit. It must be cancelled or revoked before a new one "
        "is signed.",
        "《商品房销售管理办法》（建设部令第88号）第十条；建房规〔2020〕4号",
    ),
    (
        "UNIT_SEIZED",
        "REFUSE",
        5,
        "该房屋已被查封或预查封。请待解除查封或查封期满后，再签约备案。",
        "This unit is seized or pre-seized by a court. Sign and file after the seizure is released or "
        "has expired.",
        "《中华人民共和国城市房地产管理法》第三十八条；《中华人民共和国民法典》第三百九十九条；法发〔2004〕5号",
    ),
    (
        "LISTED_BUYER",
        "REFUSE",
        5,
        "买受人在失信被执行人等限制购房的名单中。请先向执行法院履行义务或申请移出，移出后再签约备案。",
        "A buyer is on a list that bars from buying, such as that of defaulters. Settle the matter with"
        " the court that listed the buyer; after removal, sign and file.",
        "建房〔2020〕61号 六",
    ),
    (
        "NO_PRESALE_PERMIT",
        "REFUSE",
        5,
        "没有该预售许可证，或签约之日不在其有效期内。请核对许可证号和签约时间；许可证未登记的，请先登记。",
        "There is no such presale permit, or it was not valid on the day of signing. Check its number "
        "and the time of signing; have a permit that is missing registered first.",
        "《中华人民共和国城市房地产管理法》第四十五条；《城市商品房预售管理办法》（建设部令第131号）",
    ),
    (
        "MORTGAGE_RANK_TAKEN",
        "REFUSE",
        5,
        "该顺位已有未注销的抵押。请填写其后的顺位，或先注销原抵押。",
        "Another live mortgage of this house has this rank. Give the next rank, or have that mortgage "
        "cancelled first.",
        "《中华人民共和国民法典》第四百零九条、第四百一十四条",
    ),
    (
        "MORTGAGE_OVER_VALUE",
        "WARN",
        5,
        "该房屋各项抵押的债权合计高于评估价格。记录已受理，请核对债权数额和评估价格。",
        "The mortgages of this house together secure more than its appraised value. The record is "
        "accepted: check amount and appraisal.",
        "建房〔2020〕61号 二（以网签备案价款和评估价的最低值为贷款计算基数）",
    ),
    (
        "LEASE_TOO_LONG",
        "REFUSE",
        5,
        "租赁期限超过二十年，超过部分无效。请改为二十年以内，期满可续订。",
        "The lease is for more than twenty years, which the law does not uphold. Shorten it to twenty "
        "years; it may be renewed when it ends.",
        "《中华人民共和国民法典》第七百零五条",
    ),
    (
        "CHANGE_UNDER_NOTICE",
        "REFUSE",
        5,
        "该合同已办理预告登记，当事人不得变更或注销。请先注销预告登记。",
        "A pre-notice of this sale is registered, so its parties cannot amend or cancel it. Have the "
        "pre-notice cancelled first.",
        "《中华人民共和国民法典》第二百二十一条；建房规〔2020〕4号",
    ),
    (
        "CHANGE_UNDER_MORTGAGE",
        "REFUSE",
        5,
        "该合同名下有未注销的抵押，当事人不得变更或注销。请先结清贷款并注销抵押。",
        "A live mortgage stands on this sale, so its parties cannot amend or cancel it. Settle the loan"
        " and have the mortgage cancelled first.",
        "《中华人民共和国民法典》第四百零六条；建房规〔2020〕4号",
    ),
    (
        "TERM_TOO_LONG",
        "REFUSE",
        5,
        "查封或续封的期限超过上限。请缩短期限，期满前可续封。",
        "The term of the seizure or renewal is over the limit. Shorten it; it may be renewed before it ends.",
        "《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》第四百八十五条；法发〔2004〕5号",
    ),
    (
        "RENEWAL_TOO_SHORT",
        "REFUSE",
        5,
        "续封没有延长查封期限。请填写晚于原结束日期的日期。",
        "The renewal does not lengthen the seizure. Give an end later than the present one.",
        "《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》第四百八十五条",
    ),
    (
        "RENEWAL_IS_AN_EVENT",
        "REFUSE",
        5,
        "续封不是新的查封。请就原查封报送续封事件。",
        "A renewal is no seizure of its own. Send the renewal as an event of the seizure that it renews.",
        "法发〔2004〕5号；交换平台接入规范",
    ),
    (
        "NO_TARGET",
        "REFUSE",
        5,
        "查封没有指明标的。请填写房屋编码，或合同编号、不动产单元代码之一。",
        "The seizure names no target. Give the house code, or the number of a contract or realty unit.",
        "法发〔2004〕5号；交换平台接入规范",
    ),
)
