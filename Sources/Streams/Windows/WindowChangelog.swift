/// The changelog topics of window and session stores, whose rows are not removed one by one when they are past their
/// retention.
enum WindowChangelog {
    /// What Kafka adds to the retention of a window store for that of its changelog topic: a day, because the clocks of
    /// the brokers and of the records differ.
    private static let retentionMarginMs: Int64 = 86_400_000

    /// The settings of the topic.
    ///
    /// - Parameter chosen: the user's, which come first.
    static func configuration(retentionMs: Int64, _ chosen: [String: String]) -> [String: String] {
        var settings = ["cleanup.policy": "compact"]
        let (topicRetentionMs, isEndless) = retentionMs.addingReportingOverflow(retentionMarginMs)
        if !isEndless { settings = ["cleanup.policy": "compact,delete", "retention.ms": "\(topicRetentionMs)"] }
        return settings.merging(chosen) { $1 }
    }
}
