/// The changelog topics of window and session stores, and of the windows of joins, whose rows are not removed one by one
/// when they are past their retention.
enum WindowChangelog {
    /// Expired rows are deleted by segments.
    private static let segmentBytes = 50 << 20

    /// The settings of the topic: whoever owns a task deletes what has expired (`ExpiringChangelog`), the log nothing by
    /// its age. Kafka Streams has the log delete what is a day older than the retention, by the wall clock.
    ///
    /// - Parameter chosen: the user's, which come first.
    static func configuration(_ chosen: [String: String]) -> [String: String] {
        // Without `delete` a Kafka cluster refuses to delete records.
        let settings = [
            "cleanup.policy": "compact,delete", "retention.ms": "-1", "segment.bytes": "\(segmentBytes)",
        ]
        return settings.merging(chosen) { $1 }
    }
}
