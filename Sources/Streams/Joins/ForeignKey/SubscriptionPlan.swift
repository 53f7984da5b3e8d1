/// What a left row is to a foreign-key join.
@usableFromInline
enum ForeignKeyState: CaseIterable {
    /// There is no left row.
    case noRow
    /// The left row names no right row.
    case noKey
    /// The left row names a right row.
    case key
}

/// What a change of a left row says to the right rows that it named before and names now.
@usableFromInline
struct SubscriptionPlan: Equatable {
    /// To the right row that it named before.
    @usableFromInline var former: Subscription.Instruction?
    /// To the right row that it names now; without a key it is said to nobody, who answers that there is no right row.
    @usableFromInline var current: Subscription.Instruction?

    @usableFromInline
    init(former: Subscription.Instruction? = nil, current: Subscription.Instruction? = nil) {
        self.former = former
        self.current = current
    }

    /// The plan of an inner join: a left row that names no right row has no result.
    ///
    /// Kafka Streams 3.9 ignores every change from or to a row without a foreign key: the result of the former row stays,
    /// and a row that once had none cannot join until it is deleted. Here, as in its later releases, such a row is to the
    /// join what no row is.
    @usableFromInline
    static func inner(from old: ForeignKeyState, to new: ForeignKeyState, isSameKey: Bool) -> SubscriptionPlan {
        switch (old, new) {
        case (.noRow, .noRow), (.noRow, .noKey), (.noKey, .noRow), (.noKey, .noKey):
            SubscriptionPlan()
        case (.noRow, .key), (.noKey, .key):
            // There is no result to be removed, so no match needs no answer.
            SubscriptionPlan(current: .subscribeAndAnswerMatch)
        case (.key, .noRow), (.key, .noKey):
            SubscriptionPlan(former: .unsubscribeAndAnswer)
        case (.key, .key):
            SubscriptionPlan(former: isSameKey ? nil : .unsubscribe, current: .subscribe)
        }
    }

    /// The plan of a left join: each left row has a result, whatever it names.
    ///
    /// Kafka Streams 3.9 lets the former right row answer as well: a second result for one change, which is wrong if it
    /// overtakes that of the current one on its way from another partition. Here, as in its later releases, only the
    /// current one answers.
    @usableFromInline
    static func left(from old: ForeignKeyState, to new: ForeignKeyState, isSameKey: Bool) -> SubscriptionPlan {
        switch (old, new) {
        case (.noRow, .noRow):
            SubscriptionPlan()
        case (.noRow, .noKey), (.noRow, .key), (.noKey, .noRow), (.noKey, .noKey), (.noKey, .key):
            SubscriptionPlan(current: .subscribe)
        case (.key, .noRow), (.key, .noKey):
            SubscriptionPlan(former: .unsubscribe, current: .subscribe)
        case (.key, .key):
            SubscriptionPlan(former: isSameKey ? nil : .unsubscribe, current: .subscribe)
        }
    }
}
