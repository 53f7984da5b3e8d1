import MillraceCoordination
import MillraceLogEngine
import MillracePrimitives
import Synchronization

/// Reports for a member of a group while its consumer is busy, and takes the member out of the group if the consumer
/// does not come back to poll in time (KIP-62).
///
/// Beaten by the broker's housekeeping; the member tells it, from the polling thread, what has happened meanwhile.
final class MembershipPulse: Pulse {
    private struct State {
        var membership: GroupMembership
        /// Whether the group knows the member and expects to hear of it.
        var isMember = false
        /// The consumer waits within a poll: it is not busy, however long that takes.
        var isWaiting = false
        var lastPoll: Int64
        var lastBeat: Int64
        /// The group had something else to say than that all is well.
        var isCalled = false
        /// The consumer did not poll in time.
        var isExpired = false
    }

    private enum Step {
        case none
        case report(GroupMembership)
        case leave(GroupMembership)
    }

    private let state: Mutex<State>
    private let heartbeatInterval: Int64
    private let maximumPollInterval: Int64
    private let groups: GroupRuntime
    private let wakeup: Wakeup

    init(
        membership: GroupMembership,
        heartbeatInterval: Duration,
        maximumPollInterval: Duration,
        groups: GroupRuntime,
        wakeup: Wakeup,
        now: Int64
    ) {
        state = Mutex(State(membership: membership, lastPoll: now, lastBeat: now))
        self.heartbeatInterval = heartbeatInterval.wholeNanoseconds
        self.maximumPollInterval = maximumPollInterval.wholeNanoseconds
        self.groups = groups
        self.wakeup = wakeup
    }

    func beat(_ now: Int64) {
        let step = state.withLock { state -> Step in
            guard state.isMember else { return .none }
            if !state.isWaiting, now - state.lastPoll >= maximumPollInterval {
                state.isMember = false
                state.isExpired = true
                // A static member just falls silent: it may come back until its session runs out (KIP-345).
                return state.membership.groupInstanceId == nil ? .leave(state.membership) : .none
            }
            guard now - state.lastBeat >= heartbeatInterval else { return .none }
            state.lastBeat = now
            return .report(state.membership)
        }
        switch step {
        case .none: break
        case .report(let membership):
            do throws(BrokerError) {
                try groups.heartbeat(membership)
            } catch {
                // The polling thread asks again and acts on what it hears.
                state.withLock { $0.isCalled = true }
                wakeup.ring()
            }
        case .leave(let membership):
            // Refused only if the group has removed it already.
            try? groups.leave(membership)
            wakeup.ring()
        }
    }

    /// The consumer polls, and waits for records if `isWaiting`.
    func polled(_ now: Int64, isWaiting: Bool) {
        state.withLock { state in
            state.isWaiting = isWaiting
            state.lastPoll = now
        }
    }

    /// The group took the member in at this generation.
    func joined(memberId: String, generation: Int32, now: Int64) {
        state.withLock { state in
            state.membership.memberId = memberId
            state.membership.generation = generation
            state.isMember = true
            state.isCalled = false
            state.lastBeat = now
        }
    }

    /// The polling thread has reported itself.
    func reported(_ now: Int64) {
        state.withLock { $0.lastBeat = now }
    }

    /// Nobody waits for reports: the member joins, or has left.
    func pause() {
        state.withLock { $0.isMember = false }
    }

    /// Whether the group called since this was last asked.
    func takeCall() -> Bool {
        state.withLock { state in
            defer { state.isCalled = false }
            return state.isCalled
        }
    }

    /// Whether the member was taken out of the group since this was last asked, because nobody polled.
    func takeExpiry() -> Bool {
        state.withLock { state in
            defer { state.isExpired = false }
            return state.isExpired
        }
    }
}
