import MillraceLogClient
import MillracePrimitives

extension QueryRequest {
    /// What a thread can say to a question: whether one of its stores holds what is asked for.
    ///
    /// - Parameter isDirty: whether the thread has anything that is not committed. Global stores hold only what is.
    func readiness(
        _ tasks: [TaskId: StreamTask],
        _ globals: GlobalTopicReader?,
        isDirty: Bool
    ) -> ThreadQueries.Readiness {
        let isGlobal = task == .global
        let context = isGlobal ? globals?.task.context : tasks[task]?.context
        guard let found = context?.stores[store] else { return .failed(.privateStore(store)) }
        for (input, needed) in positions {
            let own = tasks[task]?.queues.first { $0.partition == input }
            let position = isGlobal ? globals?.task.position(of: input) : own?.position
            guard let position, position >= needed else {
                let obstacle = QueryError.notUpToBound(
                    store: store,
                    partition: isGlobal ? 0 : task.partition,
                    of: input,
                    before: needed
                )
                return .notYet(found, obstacle)
            }
        }
        guard isolation == .committed, isDirty, !isGlobal else { return .ready(found) }
        return .notYet(found, .timedOut(store: store, partition: task.partition))
    }
}

extension StreamTask {
    /// What others are told of the task.
    func metadata(applicationId: String) -> TaskMetadata {
        TaskMetadata(
            id: id,
            partitions: queues.map(\.partition),
            stores: context.stores.keys.sorted(),
            changelogs: context.stores.values.filter(\.isLogged)
                .map { TopicPartition("\(applicationId)-\($0.name)-changelog", id.partition) }.sorted()
        )
    }
}
