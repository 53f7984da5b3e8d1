extension History {
    /// A run, by hand, that does at least once whatever recovery has to cope with: transactions of owners and loops that
    /// commit, abort, overlap, time out, are replaced and left open; records without transactions between them; segments
    /// that roll; an end in order and a new beginning.
    ///
    /// - Parameter crash: comes where it says, counted from the beginning.
    package static func scenario(_ crash: Crash? = nil) -> History {
        let steps: [Step] = [
            .send(client: 0, partition: 0, count: 3, .durable, .prompt),
            .send(client: 1, partition: 1, count: 2, .written, .prompt),
            .takeOver(owner: 0),
            .write(owner: 0, partition: 2, count: 1, .prompt),
            .poll(worker: 0),
            .transform(worker: 0, count: 3),
            .write(owner: 0, partition: 3, count: 2, .prompt),
            .finish(worker: 0, commits: true),
            .position(owner: 0, .prompt),
            .end(owner: 0, commits: true, .prompt),
            .read(reader: 0),
            .commitRead(reader: 0, .prompt),
            .resend(client: 1, partition: 1),
            // Its next transaction aborts, right after a commit whose markers nobody has made durable.
            .write(owner: 0, partition: 2, count: 1, .prompt),
            .end(owner: 0, commits: false, .prompt),
            .transform(worker: 0, count: 2),
            .sendPositions(worker: 0),
            // A zombie that is replaced within its transaction.
            .write(owner: 0, partition: 4, count: 1, .prompt),
            .takeOver(owner: 1),
            .write(owner: 0, partition: 4, count: 1, .prompt),
            .write(owner: 1, partition: 4, count: 1, .prompt),
            .finish(worker: 0, commits: true),
            .end(owner: 1, commits: true, .prompt),
            .observe,
            .restart,
            .send(client: 1, partition: 0, count: 2, .durable, .prompt),
            .send(client: 0, partition: 2, count: 1, .durable, .prompt),
            .poll(worker: 1),
            .transform(worker: 1, count: 2),
            .takeOver(owner: 2),
            .write(owner: 2, partition: 3, count: 3, .prompt),
            .position(owner: 2, .prompt),
            .finish(worker: 1, commits: false),
            .transform(worker: 1, count: 2),
            .wait(milliseconds: 31_000),
            .end(owner: 2, commits: true, .prompt),
            .poll(worker: 0),
            .transform(worker: 0, count: 2),
            .finish(worker: 0, commits: true),
            .takeOver(owner: 3),
            .write(owner: 3, partition: 2, count: 2, .prompt),
            .write(owner: 3, partition: 4, count: 1, .prompt),
            .end(owner: 3, commits: true, .prompt),
            // Left open to the end.
            .write(owner: 3, partition: 2, count: 1, .prompt),
            .send(client: 0, partition: 2, count: 1, .written, .prompt),
            .observe,
        ]
        return History(seed: 0, steps: (crash.map { [.crash($0)] } ?? []) + steps)
    }

    /// A table with keys that repeat, tombstones and both ends of transactions is compacted twice, so that markers and
    /// tombstones go.
    package static func cleaning(_ crash: Crash? = nil) -> History {
        let steps: [Step] = [
            .send(client: 1, partition: 5, count: 3, .written, .prompt),
            .takeOver(owner: 2),
            .write(owner: 2, partition: 5, count: 3, .prompt),
            .end(owner: 2, commits: true, .prompt),
            .write(owner: 2, partition: 5, count: 3, .prompt),
            .end(owner: 2, commits: false, .prompt),
            .send(client: 0, partition: 5, count: 3, .written, .prompt),
            .clean,
            .write(owner: 2, partition: 5, count: 3, .prompt),
            .send(client: 1, partition: 5, count: 3, .written, .prompt),
            .end(owner: 2, commits: true, .prompt),
            .wait(milliseconds: 4_000),
            .clean,
            .observe,
        ]
        return History(seed: 0, steps: (crash.map { [.crash($0)] } ?? []) + steps)
    }
}
