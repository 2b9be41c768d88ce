//! Every stable code that Levee answers, refuses or reports with.
//!
//! One table: the name on the wire, the HTTP status, whether sending the same again can help, and
//! a sentence in both languages. Sentences never hold what was refused.

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $retry:literal $en:literal $zh:literal;)*) => {
        /// A stable code.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $en] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status of an answer with this code alone.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Code::$variant => $retry,)* }
            }

            /// The sentence in English.
            #[must_use]
            pub fn en(self) -> &'static str {
                match self { $(Code::$variant => $en,)* }
            }

            /// The sentence in Chinese.
            #[must_use]
            pub fn zh(self) -> &'static str {
                match self { $(Code::$variant => $zh,)* }
            }

            /// The code of a name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Code> {
                match name { $($name => Some(Code::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    AlertUnreadable "alert.unreadable" 500 false "a line of the alerts topic is not an alert" "预警主题中有无法识别的记录";
    AmountFloat "amount.float" 422 false "an amount must be a whole number of fen" "金额必须是以分为单位的整数";
    AmountRange "amount.range" 422 false "an amount does not fit its range" "金额超出范围";
    AmountText "amount.text" 422 false "an amount must be a number, not a text" "金额必须是数字而不是文本";
    AuthForbidden "auth.forbidden" 403 false "this caller may not do that here" "无权执行此操作";
    AuthRequired "auth.required" 401 false "a bearer token is required" "需要访问令牌";
    BatchRefused "batch.refused" 422 false "a record of an atomic call was refused; nothing was taken" "批次中有记录被拒绝，未接收任何内容";
    BatchUndecided "batch.undecided" 503 true "what became of the batch is not known yet; ask again later" "该批次尚未处理完毕，请稍后重试";
    BatchUnknown "batch.unknown" 404 false "no batch of this id is known" "没有此批次";
    BodyBroken "body.broken" 400 false "the body is cut short or does not fit its encoding" "内容不完整或与其编码不符";
    BodyEncoding "body.encoding" 415 false "the body's content encoding is not supported" "不支持的内容编码";
    BodyTimeout "body.timeout" 408 true "the body arrives too slowly" "内容接收超时";
    BodyType "body.type" 415 false "the body's content type is not supported" "不支持的内容类型";
    CaseUnknown "case.unknown" 404 false "no case of this id is known" "没有此个案";
    ChannelKey "channel.key" 422 false "the key is not one of a group robot" "不是群机器人的 key";
    ChannelMailbox "channel.mailbox" 422 false "the recipient is not a mailbox" "收件人不是有效邮箱";
    ChannelTarget "channel.target" 422 false "the channel does not serve this kind of target" "该通道不支持此类目标";
    ChannelTopic "channel.topic" 422 false "the topic is not on the list of topics for subscribers" "主题不在订阅者主题名单内";
    CloudEventsVersion "cloudevents.version" 422 false "specversion must be 1.0" "specversion 必须为 1.0";
    ConservationBroken "conservation.broken" 500 false "the ledger of deliveries differs from its books" "投递台账与计数不一致";
    CorrectionUnmatched "correction.unmatched" 200 false "the correction names an event of another subject or type" "更正所指事件的对象或类型不同";
    DeliveryExhausted "delivery.exhausted" 504 false "the receiver took the message in none of its attempts" "多次尝试后接收方仍未接收";
    DeliveryUnreadable "delivery.unreadable" 500 false "the alert can no longer be read from its topic" "预警已无法从主题读取";
    ExplainExpired "explain.expired" 410 false "the journal no longer reaches back to this alert" "日志已不再包含该预警的依据";
    FoldVersion "fold.version" 500 false "the snapshot was made by another fold version" "快照由其他版本生成";
    FrameMalformed "frame.malformed" 500 false "a journal record is not a frame" "日志记录无法解析";
    FrameSealed "frame.sealed" 500 false "a journal record is sealed with a key that is not here" "日志记录已加密而密钥不在";
    FrameUnknownType "frame.unknown_type" 500 false "a journal record is of an event type that is not known" "日志记录的事件类型未知";
    FrameVersion "frame.version" 500 false "a journal record was written by a newer program" "日志记录由更新的程序写入";
    HouseholdMismatch "household.mismatch" 422 false "the household in the path and in the body differ" "路径与内容中的户编号不一致";
    HouseholdUnknown "household.unknown" 404 false "no household of this id is known" "没有此户";
    IdConflict "id.conflict" 409 false "the id was used before with other content" "该编号已用于其他内容";
    IdPersonal "id.personal" 422 false "a text holds what looks like an id number" "文本中含有疑似证件号码";
    IdentityUnverified "identity.unverified" 200 false "the id number's checksum does not hold" "证件号码校验不通过";
    JournalGap "journal.gap" 500 false "the journal begins behind every sound snapshot" "日志起点晚于所有可用快照";
    JsonDuplicateKey "json.duplicate_key" 422 false "an object names a key twice" "对象中有重复的键";
    JsonSyntax "json.syntax" 400 false "the text is not json" "不是有效的 JSON";
    LimitBody "limit.body" 413 false "the body is larger than 16 MiB" "内容超过 16 MiB";
    LimitDepth "limit.depth" 422 false "values are nested deeper than 32" "嵌套超过 32 层";
    LimitHousehold "limit.household" 422 false "the household holds as many events as it can" "该户事件数已达上限";
    LimitRecords "limit.records" 413 false "more than 10,000 records in one call" "一次超过 10,000 条";
    LimitString "limit.string" 422 false "a string is longer than 64 KiB" "字符串超过 64 KiB";
    LimitValues "limit.values" 422 false "more than 20,000 values in one record" "一条记录超过 20,000 个值";
    LogCorrupt "log.corrupt" 500 false "a stored record is damaged" "存储的记录已损坏";
    LogDiverged "log.diverged" 500 false "a published alert differs from what the journal gives" "已发布的预警与日志不一致";
    LogEmpty "log.empty" 500 false "a record without bytes cannot be kept" "空记录无法保存";
    LogFull "log.full" 503 true "the disk is full" "磁盘已满";
    LogIo "log.io" 500 true "the system cannot read or write a file" "系统无法读写文件";
    LogKey "log.key" 500 false "the folder was written with another key" "数据目录由其他密钥写入";
    LogLocked "log.locked" 500 true "another process uses the folder" "数据目录正被其他进程使用";
    LogOffset "log.offset" 500 false "this place is not in the log" "日志中没有此位置";
    LogPartition "log.partition" 500 false "the log has no such partition" "日志没有此分区";
    LogPartitions "log.partitions" 500 false "the log has another number of partitions" "日志分区数不同";
    LogSetting "log.setting" 500 false "a topic has another setting than is planned" "主题设置与计划不符";
    LogTooLarge "log.too_large" 500 false "a record is larger than the log takes" "记录超过日志上限";
    LogTopic "log.topic" 500 false "the topic is not here" "此处没有该主题";
    LogTorn "log.torn" 200 false "the torn end of a topic was cut off" "主题末尾的残缺部分已截去";
    LogUnconfirmed "log.unconfirmed" 503 true "a write was not confirmed" "写入未获确认";
    LogVersion "log.version" 500 false "the log was written by a newer program" "日志由更新的程序写入";
    MethodUnknown "method.unknown" 405 false "this path does not take this method" "此路径不支持该方法";
    OutboundAddress "outbound.address" 422 false "the host stands for an address that may not be called" "主机对应的地址不允许访问";
    OutboundAnswer "outbound.answer" 502 true "the receiver's answer broke off or is not http" "接收方的应答中断或不是 HTTP";
    OutboundConnect "outbound.connect" 502 true "the receiver takes no connection" "无法连接接收方";
    OutboundHost "outbound.host" 422 false "the host is not on the list of hosts that may be called" "主机不在允许名单内";
    OutboundPort "outbound.port" 422 false "the port is not on the list for this host" "端口不在允许名单内";
    OutboundResolve "outbound.resolve" 502 true "the host stands for no address" "主机名无法解析";
    OutboundScheme "outbound.scheme" 422 false "only https may be called, http where the list says so" "只允许 https，除非名单另有规定";
    OutboundTimeout "outbound.timeout" 504 true "the receiver did not answer in time" "接收方未在时限内应答";
    OutboundTls "outbound.tls" 502 true "the receiver cannot prove that it is the host" "接收方证书不可信";
    OutboundUrl "outbound.url" 422 false "the url is not well formed" "网址格式有误";
    OutboundUserinfo "outbound.userinfo" 422 false "the url may not hold a user name or a password" "网址不得包含用户名或密码";
    OutcomeUnknown "outcome.unknown" 404 false "no outcome of this id can be revoked in the case" "个案中没有可撤销的该处置记录";
    OverloadBusy "overload.busy" 503 true "the service is behind; send again later" "服务繁忙，请稍后重试";
    OverloadRate "overload.rate" 429 true "too many requests at once; send again later" "请求过多，请稍后重试";
    PackConflict "pack.conflict" 409 false "the pack contradicts one in force" "规则包与在用规则包冲突";
    PackCycle "pack.cycle" 422 false "expressions of the pack need each other" "规则包的表达式互相依赖";
    PackDuplicate "pack.duplicate" 422 false "the pack defines something twice" "规则包重复定义";
    PackInvalid "pack.invalid" 422 false "the pack has errors" "规则包有错误";
    PackKey "pack.key" 422 false "a key has no meaning where it stands" "键在此处没有意义";
    PackLimit "pack.limit" 422 false "the pack exceeds a limit" "规则包超出限制";
    PackMissing "pack.missing" 422 false "a required key is missing" "缺少必需的键";
    PackName "pack.name" 422 false "nothing in reach has this name" "没有此名称";
    PackSyntax "pack.syntax" 422 false "an expression does not parse" "表达式语法有误";
    PackTable "pack.table" 422 false "a table can never answer in the pack's scope" "表在适用范围内无法取值";
    PackType "pack.type" 422 false "an operand or a result is of the wrong type" "类型有误";
    PackUnknown "pack.unknown" 404 false "no pack of this id is known" "没有此规则包";
    PackValue "pack.value" 422 false "a value is of the wrong form or out of range" "值的形式或范围有误";
    PackYaml "pack.yaml" 422 false "the file is not yaml as packs may use it" "文件不是规则包可用的 YAML";
    ParkedExpired "parked.expired" 422 false "the record stayed unmatched longer than is kept" "记录长期未匹配已过期";
    PartitionElsewhere "partition.elsewhere" 421 false "another watcher carries this partition" "该分区由其他 watcher 承载";
    PartitionSuperseded "partition.superseded" 503 true "another member has taken the partition over" "该分区已由其他成员接管";
    PartitionUncarried "partition.uncarried" 503 true "no watcher that was reached carries this partition now; ask again later" "目前没有可达的 watcher 承载该分区，请稍后重试";
    PathUnknown "path.unknown" 404 false "there is nothing at this path" "路径不存在";
    QueryInvalid "query.invalid" 400 false "a query parameter is not understood" "查询参数有误";
    ReceiverAway "receiver.away" 503 true "nobody listens to the stream" "暂无接收者在线";
    ReceiverBusy "receiver.busy" 503 true "the receiver wants to be called later" "接收方繁忙，要求稍后再试";
    ReceiverGone "receiver.gone" 410 false "the receiver is no more" "接收方已不存在";
    ReceiverLogin "receiver.login" 502 true "the mail relay refuses the login" "邮件中继拒绝登录";
    ReceiverRedirect "receiver.redirect" 502 true "the receiver answered with a redirect, which is not followed" "接收方返回重定向，不予跟随";
    ReceiverRefused "receiver.refused" 422 false "the receiver does not take this message" "接收方拒收此消息";
    ReceiverStatus "receiver.status" 502 true "the receiver answered with an error" "接收方返回错误";
    SchemaRange "schema.range" 422 false "a field is outside its range" "字段超出允许范围";
    SchemaRequired "schema.required" 422 false "a required field is missing" "缺少必填字段";
    SchemaSubject "schema.subject" 422 false "the subject does not fit the event type" "对象与事件类型不符";
    SchemaType "schema.type" 422 false "a field has the wrong type" "字段类型错误";
    SchemaUnknownEnum "schema.unknown_enum" 422 false "a field holds a word its type does not know" "字段取值未知";
    SchemaUnknownType "schema.unknown_type" 422 false "no such event type is known" "事件类型未知";
    SecretSealed "secret.sealed" 500 false "the subscription's secret is sealed with a key that is not here" "订阅密钥由其他密钥封存";
    ServiceFault "service.fault" 500 true "the service failed; send again later" "服务故障，请稍后重试";
    ServiceStarting "service.starting" 503 true "the service is restoring its state" "服务正在恢复";
    SnapshotAhead "snapshot.ahead" 500 false "a snapshot reaches beyond the journal" "快照超出日志末尾";
    SnapshotContent "snapshot.content" 500 false "a snapshot's content is not understood" "快照内容无法识别";
    SnapshotCorrupt "snapshot.corrupt" 500 false "a snapshot is damaged" "快照已损坏";
    SnapshotFormat "snapshot.format" 500 false "a snapshot was written by a newer program" "快照由更新的程序写入";
    SnapshotIo "snapshot.io" 500 true "the snapshots' folder cannot be used" "快照目录无法使用";
    StorageFull "storage.full" 503 true "the disk is full; nothing was taken" "磁盘已满，未接收任何内容";
    StoreSchema "store.schema" 500 false "the database holds other tables than this program's" "数据库表结构不符";
    StoreUnavailable "store.unavailable" 503 true "the database cannot be used" "数据库不可用";
    StoreUrl "store.url" 500 false "the database's address is not understood" "数据库地址无法识别";
    StreamUnknownId "stream.unknown_id" 409 false "the last event id is not known" "未知的 Last-Event-ID";
    SubscriptionChannel "subscription.channel" 422 false "this kind of channel is not set up here" "此处未启用该通道";
    SubscriptionConflict "subscription.conflict" 409 true "the subscription was changed meanwhile" "订阅已被他人修改";
    SubscriptionInvalid "subscription.invalid" 422 false "the subscription is not well formed" "订阅格式有误";
    SubscriptionUnknown "subscription.unknown" 404 false "no subscription of this id is known" "没有此订阅";
    TextControl "text.control" 422 false "a text holds a hidden control character" "文本含有隐藏控制字符";
    TextSurrogate "text.surrogate" 422 false "a text holds half a character" "文本含有不完整字符";
    TextUtf8 "text.utf8" 422 false "the text is not utf-8" "文本不是 UTF-8";
    TimeAncient "time.ancient" 422 false "the event lies too far in the past" "事件时间过早";
    TimeFuture "time.future" 422 false "the event lies more than 24 hours ahead" "事件时间超前 24 小时以上";
    TimeInvalid "time.invalid" 422 false "a date or time is not readable" "日期或时间无法识别";
    TimeOrder "time.order" 422 false "what happened lies after it was observed" "发生日期晚于观测时间";
    ViewElsewhere "view.elsewhere" 501 false "this service does not hold that state; over kafka its [view] names the watchers that hold the households'" "此服务不保存该状态；在 Kafka 上须在 [view] 中列出承载农户的 watcher";
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn names_are_sorted_unique_and_found_again() {
        let names: Vec<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert!(names.windows(2).all(|w| w[0] < w[1]), "sorted by name: {names:?}");
        for code in Code::ALL {
            assert_eq!(Code::parse(code.name()), Some(*code));
            assert!((200..=599).contains(&code.status()));
            assert!(!code.en().is_empty() && !code.zh().is_empty());
        }
        assert_eq!(Code::parse("no.such"), None);
    }
}
