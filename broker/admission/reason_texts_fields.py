"""The texts of stage 3, the values of fields, in the form of ``reason_texts``."""

from broker.admission.reason_texts import ACCESS_RULES, NATIONAL_STANDARD, Text

FIELD_TEXTS: tuple[Text, ...] = (
    (
        "EMPTY_CORE_FIELD",
        "REFUSE",
        3,
        "必填数据项为空。请填写后重新报送。",
        "A required item is empty. Fill it in and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "TOO_LONG",
        "REFUSE",
        3,
        "内容超过标准规定的长度。请缩短后重新报送。",
        "The text is longer than the standard allows. Shorten it and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "UNKNOWN_CODE",
        "REFUSE",
        3,
        "代码不在代码表中。请按对照表换成标准代码后重新报送。",
        "The code is not in its code list. Translate it to the standard's code and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "BAD_FORMAT",
        "REFUSE",
        3,
        "内容的形式不符合规定。请按数据项说明填写后重新报送。",
        "The value does not have the form that its item asks for. Write it as the item's description "
        "says and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "BAD_CITIZEN_ID",
        "REFUSE",
        3,
        "公民身份号码有误。请核对证件原件后重新报送。",
        "The citizen id is wrong. Compare it with the document itself and send again.",
        "GB 11643-1999",
    ),
    (
        "BAD_HOUSE_CODE",
        "REFUSE",
        3,
        "房屋编码有误。请从楼盘表取得编码后重新报送；其他地方编码请加标记。",
        "The house code is wrong. Take it from the building table and send again; tag a code of "
        "another local scheme.",
        "JGJ/T 246-2012",
    ),
    (
        "BAD_REALTY_UNIT_NO",
        "REFUSE",
        3,
        "不动产单元代码有误。请核对不动产登记信息后重新报送；尚无代码的可不填。",
        "The realty unit code is wrong. Compare it with the land register and send again; leave it out "
        "if there is none yet.",
        "GB/T 37346-2019",
    ),
    (
        "BAD_CASE_NO",
        "REFUSE",
        3,
        "案号有误。请按法律文书所载案号填写后重新报送。",
        "The case number is wrong. Write it as the court's document has it and send again.",
        "法〔2015〕137号",
    ),
    (
        "USCC_CHECK",
        "WARN",
        3,
        "统一社会信用代码或组织机构代码未通过校验。记录已受理，请核对证照；确系登记机关发放的，无须更改。",
        "The unified social credit or organisation code fails its check. The record is accepted: "
        "compare with the licence, and leave it if it was issued so.",
        "GB 32100-2015；GB 11714-1997",
    ),
    (
        "BAD_AREA",
        "REFUSE",
        3,
        "面积有误。面积应大于零，部分不大于整体，建筑面积等于套内与分摊之和（容差0.01）。请核对测绘成果"
        "后重新报送。",
        "An area is wrong: above zero, a part not above the whole, gross equal to inner plus shared "
        "within 0.01. Compare with the survey and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "BAD_DATE_ORDER",
        "REFUSE",
        3,
        "日期先后有误，结束早于开始。请核对合同或文书后重新报送。",
        "Two dates are in the wrong order: an end before its beginning. Compare with the document and "
        "send again.",
        NATIONAL_STANDARD,
    ),
    (
        "BAD_TIME",
        "REFUSE",
        3,
        "发生时间晚于当前时间。请校准来源系统的时钟和时区后重新报送。",
        "The event lies in the future. Set the clock and time zone of the source system and send again.",
        ACCESS_RULES,
    ),
    (
        "BAD_SHARE",
        "REFUSE",
        3,
        "份额有误。按份共有人的份额应各在0至1之间，同一方合计为1；份额与份额文本不得矛盾。请核对后重新报送。",
        "A share is wrong: each between 0 and 1, those of one side adding up to 1, number and text "
        "agreeing. Mend it and send again.",
        "《中华人民共和国民法典》第二百九十八条（按份共有）",
    ),
    (
        "BAD_AMOUNT",
        "REFUSE",
        3,
        "金额有误。金额不得为负，必填金额应大于零，首付款与贷款之和不大于总价。请核对合同后重新报送。",
        "An amount is wrong: not negative, above zero where required, down payment plus loan not above "
        "the price. Compare with the contract and send again.",
        NATIONAL_STANDARD,
    ),
    (
        "BAD_PARTY",
        "REFUSE",
        3,
        "当事人有误。合同各方应齐全，角色应属于该合同。请补充或更正当事人后重新报送。",
        "The parties are wrong: each side must be there, in a role that belongs to the record. "
        "Complete them and send again.",
        NATIONAL_STANDARD,
    ),
)
