"""The texts of reasons, but those of fields (``reason_texts_fields``) and of law (``reason_texts_law``):
code, severity, stage, Chinese, English, and the rule that they rest on.

Written for the clerk who must mend the record and for the citizen who asks why: what is wrong, then what
to do.
"""

NATIONAL_STANDARD = "建办房〔2020〕14号（国家标准数据项不得删改且不得填写为空）"
ACCESS_RULES = "交换平台接入规范"
FILING_RULES = "建房规〔2020〕4号（房屋交易合同网上签约备案业务规范）"

Text = tuple[str, str, int, str, str, str]

TEXTS: tuple[Text, ...] = (
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
    (
        "BAD_PROVENANCE",
        "QUARANTINE",
        0,
        "重投记录没有写明来自何处、由谁、因何重投。请用 `qianbei quarantine redrive` 从原隔离记录重新投递。",
        "A record that was sent in again does not say where it comes from, who sent it and why. Redrive the quarantined "
        "original with `qianbei quarantine redrive`.",
        ACCESS_RULES,
    ),
    # 1 — identity: may this source say this of this entity
    (
        "ALREADY_REDRIVEN",
        "REFUSE",
        1,
        "该隔离记录已重投并作出过决定，本次内容与那一次不同。如需更正，请由报送单位以下一版本报送。",
        "This quarantined record was sent in again before and has its decision; this time it reads otherwise. To correct "
        "it, let its source send the next version.",
        ACCESS_RULES,
    ),
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
    # of seizures whose house was not known
    (
        "REKEY",
        "REFUSE",
        1,
        "该查封已绑定到房屋。请以该房屋编码为键并填写房屋编码后重新报送。",
        "This seizure is bound to its house now. Key it by that house code, fill in house_code, and send "
        "again.",
        ACCESS_RULES,
    ),
    (
        "STILL_HELD",
        "REFUSE",
        1,
        "该查封的标的尚未确定。请以查封标识为键、不填房屋编码报送。",
        "The house of this seizure is not known yet. Key it by the seizure's own id, without a house "
        "code, and send again.",
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
    # What the exchange asked of itself and no longer needs
    (
        "NOT_DUE",
        "REFUSE",
        5,
        "该期限未届满，或已变更。无须处理。",
        "The term has not ended, or was changed meanwhile: there is nothing to do.",
        ACCESS_RULES,
    ),
    (
        "MOOT",
        "REFUSE",
        5,
        "所涉事项已不存在。无须处理。",
        "What this was about no longer stands: there is nothing to do.",
        ACCESS_RULES,
    ),
)
