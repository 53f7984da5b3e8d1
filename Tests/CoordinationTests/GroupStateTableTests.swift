import MillraceCoordination
import MillracePrimitives
import Testing

/// Every request in every state of a group. Source: `ClassicGroupState` of Kafka and what its group coordinator answers;
/// LE-70. A group that is dead is one that does not exist, as Kafka removes it in the same step.
@Suite("Requests in each state of a group")
struct GroupStateTableTests {
    private static let table = """
        request                         | Empty               | PreparingRebalance       | CompletingRebalance      | Stable                   | Dead
        join as a new member            | done                | waits                    | waits                    | waits                    | done
        join again as a follower        | UNKNOWN_MEMBER_ID   | done                     | done                     | done                     | UNKNOWN_MEMBER_ID
        join again with other topics    | UNKNOWN_MEMBER_ID   | done                     | waits                    | waits                    | UNKNOWN_MEMBER_ID
        join again as the leader        | UNKNOWN_MEMBER_ID   | waits                    | done                     | waits                    | UNKNOWN_MEMBER_ID
        join with an unknown id         | UNKNOWN_MEMBER_ID   | UNKNOWN_MEMBER_ID        | UNKNOWN_MEMBER_ID        | UNKNOWN_MEMBER_ID        | UNKNOWN_MEMBER_ID
        join with other strategies      | done                | INCONSISTENT_GROUP_PROTOCOL | INCONSISTENT_GROUP_PROTOCOL | INCONSISTENT_GROUP_PROTOCOL | done
        sync as a follower              | UNKNOWN_MEMBER_ID   | REBALANCE_IN_PROGRESS    | waits                    | done                     | UNKNOWN_MEMBER_ID
        sync as the leader              | UNKNOWN_MEMBER_ID   | REBALANCE_IN_PROGRESS    | done                     | done                     | UNKNOWN_MEMBER_ID
        sync of the last generation     | UNKNOWN_MEMBER_ID   | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | UNKNOWN_MEMBER_ID
        heartbeat                       | UNKNOWN_MEMBER_ID   | REBALANCE_IN_PROGRESS    | done                     | done                     | UNKNOWN_MEMBER_ID
        heartbeat of the last generation | UNKNOWN_MEMBER_ID  | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | UNKNOWN_MEMBER_ID
        heartbeat of another instance   | UNKNOWN_MEMBER_ID   | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | UNKNOWN_MEMBER_ID
        leave                           | UNKNOWN_MEMBER_ID   | done                     | done                     | done                     | UNKNOWN_MEMBER_ID
        commit                          | UNKNOWN_MEMBER_ID   | done                     | REBALANCE_IN_PROGRESS    | done                     | UNKNOWN_MEMBER_ID
        commit of the last generation   | UNKNOWN_MEMBER_ID   | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | UNKNOWN_MEMBER_ID
        commit of another instance      | UNKNOWN_MEMBER_ID   | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | UNKNOWN_MEMBER_ID
        commit as nobody                | done                | UNKNOWN_MEMBER_ID        | UNKNOWN_MEMBER_ID        | UNKNOWN_MEMBER_ID        | done
        transactional commit            | UNKNOWN_MEMBER_ID   | done                     | done                     | done                     | UNKNOWN_MEMBER_ID
        transactional, last generation  | UNKNOWN_MEMBER_ID   | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | ILLEGAL_GENERATION       | UNKNOWN_MEMBER_ID
        transactional, another instance | UNKNOWN_MEMBER_ID   | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | FENCED_INSTANCE_ID       | UNKNOWN_MEMBER_ID
        transactional commit as nobody  | done                | done                     | done                     | done                     | done
        fetch offsets                   | done                | done                     | done                     | done                     | done
        delete offsets that are read    | done                | GROUP_SUBSCRIBED_TO_TOPIC | GROUP_SUBSCRIBED_TO_TOPIC | GROUP_SUBSCRIBED_TO_TOPIC | GROUP_ID_NOT_FOUND
        delete offsets that are not     | done                | done                     | done                     | done                     | GROUP_ID_NOT_FOUND
        delete the group                | done                | NON_EMPTY_GROUP          | NON_EMPTY_GROUP          | NON_EMPTY_GROUP          | GROUP_ID_NOT_FOUND
        """

    /// A leader and a static follower in a group that was brought into a state, with what they joined last.
    private struct Scene {
        let harness = GroupHarness()
        var leader: JoinedGroup
        var follower: JoinedGroup

        init(_ state: GroupState) throws {
            (leader, follower) = try harness.stablePair(secondInstance: "two")
            switch state {
            case .stable: break
            case .preparingRebalance: _ = rejoinLeader()
            case .completingRebalance:
                let waiting = rejoinLeader()
                follower = try harness.joined(rejoinFollower())
                leader = try harness.joined(waiting)
            case .empty, .dead:
                for memberId in [leader.memberId, follower.memberId] { try harness.leave(memberId) }
                if state == .dead { harness.append(try harness.coordinator.deleteGroup("g")) }
            }
            #expect(harness.state == state)
        }

        func rejoinLeader() -> GroupReplyToken {
            harness.join(GroupHarness.request("a", memberId: leader.memberId))
        }

        func rejoinFollower(topics: [String] = ["orders"]) -> GroupReplyToken {
            harness.join(
                GroupHarness.request("b", memberId: follower.memberId, instance: "two", topics: topics)
            )
        }

        private func answer(_ token: GroupReplyToken) -> String {
            if let refusal = harness.refusal(token) { return refusal.name }
            return harness.answers[token] == nil ? "waits" : "done"
        }

        private func result(_ body: () throws(CoordinatorError) -> Void) -> String {
            code(body)?.name ?? "done"
        }

        private var past: JoinedGroup {
            var past = follower
            past.generation -= 1
            return past
        }

        private var follows: GroupMembership { GroupHarness.membership(follower, instance: "two") }
        private var followed: GroupMembership { GroupHarness.membership(past, instance: "two") }
        /// The name of the static member, taken by somebody else.
        private var impostor: GroupMembership { GroupHarness.membership(leader, instance: "two") }

        private func commit(_ membership: GroupMembership, isTransactional: Bool) -> String {
            result { () throws(CoordinatorError) in
                let offsets = [first: CommittedOffset(offset: 1)]
                _ =
                    isTransactional
                    ? try harness.coordinator.commitTransactionalOffsets(offsets, by: membership, now: harness.now)
                    : try harness.coordinator.commitOffsets(offsets, by: membership, now: harness.now)
            }
        }

        private func deleteOffsets(of topic: String) -> String {
            var refusal: CoordinatorErrorCode?
            let result = result { () throws(CoordinatorError) in
                let partition = TopicPartition(topic, 0)
                let outcome = try harness.coordinator.deleteOffsets(groupId: "g", partitions: [partition])
                refusal = outcome.refusals[partition]?.code
            }
            return refusal?.name ?? result
        }

        func send(_ request: String) -> String {
            let harness = harness
            switch request {
            case "join as a new member": return answer(harness.join(GroupHarness.request("c")))
            case "join again as a follower": return answer(rejoinFollower())
            case "join again with other topics": return answer(rejoinFollower(topics: ["orders", "payments"]))
            case "join again as the leader": return answer(rejoinLeader())
            case "join with an unknown id": return answer(harness.join(GroupHarness.request("c", memberId: "c-1")))
            case "join with other strategies":
                return answer(harness.join(GroupHarness.request("c", protocols: ["sticky"])))
            case "sync as a follower": return answer(harness.sync(follower, instance: "two"))
            case "sync as the leader": return answer(harness.sync(leader))
            case "sync of the last generation": return answer(harness.sync(past, instance: "two"))
            case "heartbeat", "heartbeat of the last generation", "heartbeat of another instance":
                let member = request == "heartbeat" ? follows : request.hasSuffix("generation") ? followed : impostor
                return result { () throws(CoordinatorError) in
                    try harness.coordinator.heartbeat(member, now: harness.now)
                }
            case "leave": return result { () throws(CoordinatorError) in try harness.leave(follower.memberId) }
            case "commit": return commit(follows, isTransactional: false)
            case "commit of the last generation": return commit(followed, isTransactional: false)
            case "commit of another instance": return commit(impostor, isTransactional: false)
            case "commit as nobody": return commit(GroupMembership(groupId: "g"), isTransactional: false)
            case "transactional commit": return commit(follows, isTransactional: true)
            case "transactional, last generation": return commit(followed, isTransactional: true)
            case "transactional, another instance": return commit(impostor, isTransactional: true)
            case "transactional commit as nobody": return commit(GroupMembership(groupId: "g"), isTransactional: true)
            case "fetch offsets":
                let fetched = harness.coordinator.fetchOffsets(groupId: "g", partitions: [first], requiresStable: true)
                return fetched == [first: .none] ? "done" : "\(fetched)"
            case "delete offsets that are read": return deleteOffsets(of: "orders")
            case "delete offsets that are not": return deleteOffsets(of: "payments")
            case "delete the group":
                return result { () throws(CoordinatorError) in _ = try harness.coordinator.deleteGroup("g") }
            default: return "no such request in this test"
            }
        }
    }

    @Test("Each is answered as Kafka answers it")
    func table() throws {
        var lines = Self.table.split(separator: "\n").map { line in
            line.split(separator: "|").map { $0.trimmingBlanks }
        }
        let names = lines.removeFirst().dropFirst()
        #expect(Set(names) == Set(GroupState.allCases.map(\.name)))
        for line in lines {
            let request = line[0]
            for (name, expected) in zip(names, line.dropFirst()) {
                let state = try #require(GroupState.allCases.first { $0.name == name })
                #expect(try Scene(state).send(request) == expected, "\(request) in \(name)")
            }
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
