import MillraceLogClient

/// The outputs of an operator that chooses the topic of each record: resolved when a topic is first named, then kept.
///
/// Belongs to one operator of one task. There are at most as many as the log has topics: one that does not exist is an
/// error.
public final class OutputsOnDemand {
    private let operatorName: String
    private let outputs: any OutputProvider
    private var known: [String: TopicOutput] = [:]
    /// The last one that was asked for: records of one topic often come in a row.
    private var last: TopicOutput?

    init(operatorName: String, outputs: any OutputProvider) {
        self.operatorName = operatorName
        self.outputs = outputs
    }

    /// The output to a topic.
    ///
    /// - Throws: `ClientError` with `unknownTopicOrPartition` if there is no such topic.
    public func output(to topic: String) throws(ClientError) -> TopicOutput {
        if let last, last.topic == topic { return last }
        if let existing = known[topic] {
            last = existing
            return existing
        }
        let output = try resolve(topic)
        known[topic] = output
        last = output
        return output
    }

    private func resolve(_ topic: String) throws(ClientError) -> TopicOutput {
        do throws(ClientError) {
            return try outputs.output(to: topic)
        } catch {
            guard error.code == .unknownTopicOrPartition else { throw error }
            throw ClientError(
                error.code,
                "\(operatorName) chose the topic \"\(topic)\" for a record, and there is none of that name; create it, or "
                    + "choose another"
            )
        }
    }
}
