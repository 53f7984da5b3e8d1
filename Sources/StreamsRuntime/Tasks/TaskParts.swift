/// A part of a task's code that takes part in more than the records that pass: in commits, in the course of time, in the
/// task's beginning and end. It says in which by the protocols below, and enlists with its task once what comes after it
/// in the topology is composed; then the parts are called in the order in which records flow.
///
/// What it throws is not an operator's failure at one record but the task's: nothing of the transaction is kept.
@usableFromInline
package protocol TaskPart: AnyObject {
    /// What it is called in an error: the name of its operator or store.
    var name: String { get }
}

/// Passes on what it holds back before a commit.
@usableFromInline
package protocol CommitParticipant: TaskPart {
    /// Called before each commit, also on one that follows from the clock alone: passes on results held back, waits for
    /// work under way. What it passes on may change the parts after it, which are called later.
    func prepareCommit() throws
}

/// Does something when the wall clock says so.
@usableFromInline
package protocol TickParticipant: TaskPart {
    /// When it wants to be called next, in milliseconds since 1970; `Int64.max` if not at all as things stand. Read in
    /// every round of the thread: a stored property.
    var nextTickMs: Int64 { get }

    /// Called once the wall clock has reached `nextTickMs`, which must be later afterwards.
    func tick(wallClockMs: Int64) throws
}

/// Keeps a stream time of its own, from the records that reach it.
@usableFromInline
package protocol StreamTimeParticipant: TaskPart {
    /// Called when time goes on without records, because the task's sources are idle: its stream time is this from now
    /// on, unless it is later already, and what that closes is passed on.
    func advance(streamTimeMs: Int64) throws
}

/// Begins when its task does.
@usableFromInline
package protocol LifecycleParticipant: TaskPart {
    /// Called once, before the first record, with stores and registers restored.
    func start() throws
    /// Called once, when the task ends in an orderly way, after its last commit.
    func stop()
    /// Called once, when the task goes, in an orderly way or not: lets go of the user's code, which may hold this part.
    func release()
}

extension LifecycleParticipant {
    @usableFromInline
    package func release() {}
}
