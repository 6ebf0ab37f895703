"""The texts of all reasons: code, severity, stage, Chinese, English, and the rule that they rest on.

Written for the clerk who must mend the record and for the citizen who asks why: what is wrong, then what
to do.
"""

NATIONAL_STANDARD = "建办房〔2020〕14号（国家标准数据项不得删改且不得填写为空）"
ACCESS_RULES = "交换平台接入规范"
FILING_RULES = "建房规〔2020〕4号（房屋交易合同网上签约备案业务规范）"

TEXTS: tuple[tuple[str, str, int, str, str, str], ...] = (
    # 0 — quarantine: bytes that cannot be decided on
    (
        "BAD_MAGIC",
        "QUARANTINE",
        0,
        "数据开头不是 Confluent 格式（0 加 4 字节模式编号）。请用登记中心的序列化器编码后重新报送。",
        "The data does not begin with Confluent's wire format (0 and a 4-byte schema id). Encode with "
        "a registry serialiser and send again.",
        ACCESS_RULES,
    ),
    (
        "UNKNOWN_SCHEMA",
        "QUARANTINE",
        0,
        "模式编号不是已发布的版本。请用平台发布的模式编码后重新报送。",
        "The schema id belongs to no released version. Encode with a schema that the exchange has "
        "released and send again.",
        ACCESS_RULES,
    ),
    (
        "WRONG_SUBJECT",
        "QUARANTINE",
        0,
        "该主题不接收此类记录。请报送到本单位的进件主题，并使用目录所列的记录类型。",
        "This topic does not take records of this type. Send a type that the catalogue lists, to your "
        "own intake topic.",
        ACCESS_RULES,
    ),
    (
        "UNDECODABLE",
        "QUARANTINE",
        0,
        "数据与其模式不符，无法解码。请检查编码程序后重新报送。",
        "The data does not fit its schema and cannot be decoded. Check the program that encodes it and "
        "send again.",
        ACCESS_RULES,
    ),
    (
        "TOO_LARGE",
        "QUARANTINE",
        0,
        "记录超过允许的长度。请只报送标准所列的数据项，附件以地址引用。",
        "The record is longer than allowed. Send the standard's items only, and name attachments by "
        "their address.",
        ACCESS_RULES,
    ),
    (
        "TOMBSTONE",
        "QUARANTINE",
        0,
        "空值不是事件。删除请报送撤回、注销或解除事件。",
        "An empty value is no event. To remove something, send the event that withdraws, cancels or "
        "releases it.",
        ACCESS_RULES,
    ),
    (
        "MISROUTED",
        "QUARANTINE",
        0,
        "消息的键或分区与内容不符。请以房屋编码（无则以实体标识）为键，用 murmur2 分区后重新报送。",
        "Key or partition do not fit the content. Key by house code (or entity id), partition by "
        "murmur2, and send again.",
        ACCESS_RULES,
    ),
    (
        "BAD_ENVELOPE",
        "QUARANTINE",
        0,
        "事件标识、实体标识、房屋编码、来源或事件类型的形式有误，无法作出决定。请按接入规范填写后重新报送。",
        "Event id, entity id, house code, source or event type are malformed, so nothing can be "
        "decided. Mend them and send again.",
        ACCESS_RULES,
    ),
    # 1 — identity: may this source say this of this entity
    (
        "SOURCE_MISMATCH",
        "REFUSE",
        1,
        "来源单位与报送主题不一致。请填写本单位的标识，以新的事件标识重新报送。",
        "The source named is not the owner of this topic. Give your own name as source and send again "
        "under a new event id.",
        ACCESS_RULES,
    ),
    (
        "EVENT_NOT_PERMITTED",
        "REFUSE",
        1,
        "目录未授权本单位报送此类事件。请核对事件类型，或由有权单位报送。",
        "The catalogue does not allow you to send this event. Check the event type, or let the "
        "competent organisation send it.",
        ACCESS_RULES,
    ),
    (
        "EVENT_ID_REUSED",
        "REFUSE",
        1,
        "该事件标识已用于另一内容。请为新的内容使用新的事件标识。",
        "This event id was used for other content. Use a new event id for new content.",
        ACCESS_RULES,
    ),
    (
        "FOREIGN_ENTITY",
        "REFUSE",
        1,
        "该实体由其他单位报送，只有其来源单位可以变更。发现有误请报送校核纠错反馈。",
        "The entity belongs to another source, which alone may change it. If it is wrong, send a "
        "correction as feedback.",
        ACCESS_RULES,
    ),
    (
        "UNIT_CHANGED",
        "REFUSE",
        1,
        "该实体已属于另一房屋，终身不变。请改回原房屋编码；房屋重新编码请报送别名。",
        "The entity belongs to another house for good. Use its first house code; report a re-coded "
        "house as an alias.",
        ACCESS_RULES,
    ),
    # 2 — version: is it the next one
    (
        "STALE",
        "REFUSE",
        2,
        "版本号不高于已收到的版本。请核对该实体的最新状态，以下一个版本号报送。",
        "The version is not higher than one already received. Compare with the latest state and send "
        "the next version.",
        ACCESS_RULES,
    ),
    (
        "VERSION_GAP",
        "REFUSE",
        2,
        "中间缺少版本。请先报送缺少的版本，再以新的事件标识重新报送本版本。",
        "Versions before this one are missing. Send them first, then this one again under a new event id.",
        ACCESS_RULES,
    ),
    # 3 — fields: is each value, and are they together, what the standard asks for
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
    # 4 — lifecycle: is the step legal from the present status
    (
        "ILLEGAL_TRANSITION",
        "REFUSE",
        4,
        "当前状态下不能办理此事项。请核对该记录的状态，先办理前一环节。",
        "The record's present status does not allow this step. Look at its status and take the step "
        "before first.",
        FILING_RULES,
    ),
    (
        "STATUS_MISMATCH",
        "REFUSE",
        4,
        "合同状态与事件类型不一致。请使两者一致后重新报送。",
        "Contract status and event type disagree. Make them agree and send again.",
        FILING_RULES,
    ),
    (
        "FILING_NO_CHANGED",
        "REFUSE",
        4,
        "备案编号与备案时不同。变更后备案编号不变，请填写原编号。",
        "The filing number is not that of the filing. It stays through every amendment: give the first one.",
        FILING_RULES,
    ),
    # 5 — rules: does the law allow it
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
)
