import MillraceLogClient

/// The outputs of an operator that chooses the topic of each record: resolved when a topic is first named, then kept.
///
/// Belongs to one operator of one task. There are at most as many as the log has topics: one that does not exist is an
/// error, and not kept.
public final class OutputsOnDemand {
    private struct Route {
        let output: TopicOutput
        let guarded: OperatorGuard
    }

    private let operatorName: String
    private let outputs: any OutputProvider
    private let failures: FailureHandling
    private var known: [String: Route] = [:]
    /// The last one that was asked for: records of one topic often come in a row.
    private var last: Route?

    init(operatorName: String, outputs: any OutputProvider, failures: FailureHandling) {
        self.operatorName = operatorName
        self.outputs = outputs
        self.failures = failures
    }

    /// Writes to a topic, under the application's policy for production. That there is no such topic is an error of that
    /// kind, too.
    public func write(to topic: String, _ body: (TopicOutput) throws -> Void) throws {
        if let last, last.output.topic == topic {
            _ = try last.guarded.attempt { try body(last.output) }
            return
        }
        if let route = known[topic] {
            last = route
            _ = try route.guarded.attempt { try body(route.output) }
            return
        }
        let guarded = OperatorGuard(
            stage: .production(topic: topic),
            operatorName: operatorName,
            failures: failures
        )
        _ = try guarded.attempt {
            let output = try resolve(topic)
            let route = Route(output: output, guarded: guarded)
            known[topic] = route
            last = route
            try body(output)
        }
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
