import MillraceCoordination
import MillraceLogEngine
import MillracePrimitives
import Synchronization

/// Where the coordinator's answers to a member's joins and syncs arrive, from any thread.
///
/// Only the answer to the last question counts. One to an earlier question, which the member gave up, must not leave a
/// member behind that nobody is.
final class GroupInbox: Sendable {
    private struct State {
        var lastQuestion: UInt64 = 0
        var answer: GroupAnswer?
    }

    private let state = Mutex(State())
    private let membership: GroupMembership
    private let wakeup: Wakeup
    private let pulse: MembershipPulse
    private let time: any TimeSource

    init(membership: GroupMembership, wakeup: Wakeup, pulse: MembershipPulse, time: any TimeSource) {
        self.membership = membership
        self.wakeup = wakeup
        self.pulse = pulse
        self.time = time
    }

    /// Begins to wait for the answer to another question, and for no earlier one; returns where the answer goes.
    func ask(_ groups: GroupRuntime) -> GroupRuntime.ReplyHandler {
        let question = giveUp()
        return { [self, weak groups] answer in receive(answer, to: question, groups) }
    }

    /// Waits for no answer any more.
    @discardableResult
    func giveUp() -> UInt64 {
        state.withLock { state in
            state.lastQuestion += 1
            state.answer = nil
            return state.lastQuestion
        }
    }

    /// The answer, if it has come and was not taken.
    func take() -> GroupAnswer? {
        state.withLock { state in
            defer { state.answer = nil }
            return state.answer
        }
    }

    private func receive(_ answer: GroupAnswer, to question: UInt64, _ groups: GroupRuntime?) {
        let isAwaited = state.withLock { state in
            guard state.lastQuestion == question else { return false }
            if case .joined(let joined) = answer {
                // From now on the group waits for reports, even if the consumer is busy and reads this later.
                pulse.joined(
                    memberId: joined.memberId,
                    generation: joined.generation,
                    now: time.monotonicNanoseconds
                )
            }
            state.answer = answer
            return true
        }
        if isAwaited {
            wakeup.ring()
        } else if case .joined(let joined) = answer, membership.groupInstanceId == nil {
            var leaving = membership
            leaving.memberId = joined.memberId
            // Refused if it has left meanwhile.
            try? groups?.leave(leaving)
        }
    }
}
