import MillraceCoordination
import MillracePrimitives
import Testing

/// Assignments as they come and go in a group whose members, topics and subscriptions change at random.
private struct AssignorWorld {
    let assignor: PartitionAssignor
    let seed: UInt64
    var random: SeededRandom
    var members: [SubscribedMember] = []
    var partitionCounts: [String: Int32] = [:]
    private var nextMember = 0

    init(_ assignor: PartitionAssignor, seed: UInt64, topics: Int = 3) {
        self.assignor = assignor
        self.seed = seed
        random = SeededRandom(seed: seed)
        for topic in 0..<topics { partitionCounts["t\(topic)"] = Int32.random(in: 1...9, using: &random) }
    }

    mutating func join(topics: [String]? = nil) {
        let chosen = topics ?? partitionCounts.keys.sorted().filter { _ in Bool.random(using: &random) }
        let isStatic = Int.random(in: 0..<4, using: &random) == 0
        members.append(
            SubscribedMember(
                memberId: "m\(nextMember)",
                groupInstanceId: isStatic ? "i\(nextMember)" : nil,
                topics: chosen
            )
        )
        nextMember += 1
    }

    mutating func leave() {
        members.remove(at: Int.random(in: members.indices, using: &random))
    }

    /// One rebalance: everybody has afterwards what it was assigned.
    @discardableResult
    mutating func rebalance() -> [String: [TopicPartition]] {
        let assignments = assignor.assign(members, partitionCounts: partitionCounts)
        for index in members.indices {
            members[index].ownedPartitions = assignments[members[index].memberId] ?? []
            members[index].generation += 1
        }
        return assignments
    }

    var owners: [TopicPartition: String] {
        var owners: [TopicPartition: String] = [:]
        for member in members {
            for partition in member.ownedPartitions { owners[partition] = member.memberId }
        }
        return owners
    }

    /// The partitions of topics that somebody subscribes to.
    var wanted: Set<TopicPartition> {
        let topics = Set(members.flatMap(\.topics))
        return Set(
            partitionCounts.filter { topics.contains($0.key) }.flatMap { topic, count in
                (0..<count).map { TopicPartition(topic, $0) }
            }
        )
    }

    func checkValid(_ assignments: [String: [TopicPartition]]) {
        let all = assignments.values.flatMap { $0 }
        #expect(Set(all).count == all.count, "seed \(seed): a partition was assigned twice")
        #expect(Set(all) == wanted, "seed \(seed): not exactly the partitions that somebody wants")
        #expect(Set(assignments.keys) == Set(members.map(\.memberId)), "seed \(seed)")
        for member in members {
            let topics = Set((assignments[member.memberId] ?? []).map(\.topic))
            #expect(topics.isSubset(of: member.topics), "seed \(seed): \(member.memberId) got what it does not read")
        }
    }

    /// Whether no chain of hand-overs leads from a member to one that has at least two partitions less.
    func isAsEvenAsPossible(_ assignments: [String: [TopicPartition]]) -> Bool {
        let subscribers = Dictionary(
            partitionCounts.keys.map { topic in (topic, members.filter { $0.topics.contains(topic) }.map(\.memberId)) },
            uniquingKeysWith: { first, _ in first }
        )
        for start in members.map(\.memberId) {
            var reached: Set<String> = [start]
            var frontier = [start]
            while let current = frontier.popLast() {
                for topic in Set((assignments[current] ?? []).map(\.topic)) {
                    for next in subscribers[topic] ?? [] where reached.insert(next).inserted { frontier.append(next) }
                }
            }
            let load = assignments[start]?.count ?? 0
            if reached.contains(where: { (assignments[$0]?.count ?? 0) <= load - 2 }) { return false }
        }
        return true
    }
}

@Suite("Assignors")
struct AssignorTests {
    private static let eager: [PartitionAssignor] = [.range, .roundRobin, .sticky]
    private static let seeds: [UInt64] = Array(0..<60)

    @Test("They have Kafka's names")
    func names() {
        #expect(PartitionAssignor.allCases.map(\.name) == ["range", "roundrobin", "sticky", "cooperative-sticky"])
        #expect(PartitionAssignor(name: "roundrobin") == .roundRobin)
        #expect(PartitionAssignor(name: "uniform") == nil)
    }

    @Test("Every partition goes to exactly one member that subscribes to its topic", arguments: eager)
    func complete(assignor: PartitionAssignor) {
        for seed in Self.seeds {
            var world = AssignorWorld(assignor, seed: seed)
            for _ in 0..<12 {
                if world.members.count > 1, Int.random(in: 0..<3, using: &world.random) == 0 {
                    world.leave()
                } else {
                    world.join()
                }
                world.checkValid(world.rebalance())
            }
        }
    }

    @Test(
        "Members with equal subscriptions have equally many partitions, give or take one",
        arguments: [PartitionAssignor.roundRobin, .sticky]
    )
    func even(assignor: PartitionAssignor) {
        for seed in Self.seeds {
            var world = AssignorWorld(assignor, seed: seed)
            for _ in 0..<12 {
                if world.members.count > 1, Int.random(in: 0..<3, using: &world.random) == 0 {
                    world.leave()
                } else {
                    world.join(topics: world.partitionCounts.keys.sorted())
                }
                let loads = world.rebalance().values.map(\.count)
                #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 1, "seed \(seed): \(loads)")
            }
        }
    }

    @Test("Sticky assignments are as even as different subscriptions allow")
    func asEvenAsPossible() {
        for seed in Self.seeds {
            var world = AssignorWorld(.sticky, seed: seed, topics: 5)
            for _ in 0..<10 {
                world.join()
                let assignments = world.rebalance()
                #expect(world.isAsEvenAsPossible(assignments), "seed \(seed): \(assignments.mapValues(\.count))")
            }
        }
    }

    @Test("When a member comes, no more partitions move than it gets; when one goes, no more than it had")
    func fewMoves() {
        for seed in Self.seeds {
            var world = AssignorWorld(.sticky, seed: seed)
            let topics = world.partitionCounts.keys.sorted()
            world.join(topics: topics)
            world.rebalance()
            for _ in 0..<20 {
                let before = world.owners
                let isJoin = world.members.count < 2 || Bool.random(using: &world.random)
                if isJoin { world.join(topics: topics) } else { world.leave() }
                let left = Set(world.members.map(\.memberId))
                world.rebalance()
                let moved = world.owners.filter { before[$0.key] != $0.value }.count
                let orphaned = before.values.filter { !left.contains($0) }.count
                let gained = isJoin ? world.members.last?.ownedPartitions.count ?? 0 : orphaned
                #expect(moved == gained, "seed \(seed): \(moved) partitions moved where \(gained) had to")
            }
        }
    }

    @Test(
        "With the same members and partitions nothing moves",
        arguments: [PartitionAssignor.sticky, .cooperativeSticky]
    )
    func stable(assignor: PartitionAssignor) {
        for seed in Self.seeds {
            var world = AssignorWorld(assignor, seed: seed)
            for _ in 0..<5 { world.join() }
            for _ in 0..<3 { world.rebalance() }
            let before = world.owners
            world.rebalance()
            #expect(world.owners == before, "seed \(seed)")
        }
    }

    @Test("Cooperative: nobody gets what another member still has, and one more rebalance completes the move")
    func cooperative() {
        for seed in Self.seeds {
            var world = AssignorWorld(.cooperativeSticky, seed: seed)
            for _ in 0..<15 {
                if world.members.count > 1, Int.random(in: 0..<3, using: &world.random) == 0 {
                    world.leave()
                } else {
                    world.join()
                }
                let before = world.owners
                let first = world.rebalance()
                for (memberId, partitions) in first {
                    for partition in partitions {
                        let owner = before[partition]
                        let wasFree = owner == nil || owner == memberId || first[owner ?? ""] == nil
                        #expect(wasFree, "seed \(seed): \(partition) went to \(memberId) while \(owner ?? "") had it")
                    }
                }
                let second = world.rebalance()
                world.checkValid(second)
                #expect(world.isAsEvenAsPossible(second), "seed \(seed)")
                for (memberId, partitions) in first {
                    #expect(Set(partitions).isSubset(of: second[memberId] ?? []), "seed \(seed): what was kept moved")
                }
            }
        }
    }

    @Test("Of two claims on a partition the newer generation's counts; of two in one generation neither does")
    func claims() {
        let partitions = (0..<4).map { TopicPartition("t", $0) }
        func assign(_ generations: (Int32, Int32)) -> [String: [TopicPartition]] {
            PartitionAssignor.sticky.assign(
                [
                    SubscribedMember(
                        memberId: "a",
                        topics: ["t"],
                        ownedPartitions: [partitions[0], partitions[2]],
                        generation: generations.0
                    ),
                    SubscribedMember(
                        memberId: "b",
                        topics: ["t"],
                        ownedPartitions: [partitions[2], partitions[3]],
                        generation: generations.1
                    ),
                ],
                partitionCounts: ["t": 4]
            )
        }
        #expect(assign((5, 4))["a"]?.contains(partitions[2]) == true)
        #expect(assign((4, 5))["b"]?.contains(partitions[2]) == true)
        #expect(assign((5, 4))["b"]?.contains(partitions[2]) == false)
        for generations in [(Int32(4), Int32(5)), (5, 5)] {
            let assignments = assign(generations)
            #expect(assignments["a"]?.contains(partitions[0]) == true)
            #expect(assignments["b"]?.contains(partitions[3]) == true)
            #expect(assignments.values.map(\.count) == [2, 2])
        }
        // Were it kept by one of them, the other would get the first two.
        let tied = PartitionAssignor.sticky.assign(
            ["a", "b"].map {
                SubscribedMember(memberId: $0, topics: ["t"], ownedPartitions: [partitions[2]], generation: 5)
            },
            partitionCounts: ["t": 4]
        )
        #expect(tied["a"] == [partitions[0], partitions[2]])
        // Cooperative: both may still read it, so neither gets it before it was given back.
        let conflicted = PartitionAssignor.cooperativeSticky.assign(
            ["a", "b"].map {
                SubscribedMember(memberId: $0, topics: ["t"], ownedPartitions: [partitions[2]], generation: 5)
            },
            partitionCounts: ["t": 4]
        )
        #expect(!conflicted.values.contains { $0.contains(partitions[2]) })
    }

    @Test("Partitions that are gone, and topics that a member reads no longer, are not kept")
    func outdatedClaims() {
        let member = SubscribedMember(
            memberId: "a",
            topics: ["t"],
            ownedPartitions: [TopicPartition("t", 7), TopicPartition("t", -1), TopicPartition("old", 0)],
            generation: 1
        )
        let assignments = PartitionAssignor.sticky.assign([member], partitionCounts: ["t": 1, "old": 1])
        #expect(assignments == ["a": [TopicPartition("t", 0)]])
    }

    @Test("Round robin deals over the topics' ends, and passes by who does not subscribe")
    func roundRobin() {
        let members = [
            SubscribedMember(memberId: "a", topics: ["x"]),
            SubscribedMember(memberId: "b", topics: ["x", "y"]),
        ]
        let assignments = PartitionAssignor.roundRobin.assign(members, partitionCounts: ["x": 3, "y": 2])
        #expect(assignments["a"] == [TopicPartition("x", 0), TopicPartition("x", 2)])
        #expect(assignments["b"] == [TopicPartition("x", 1), TopicPartition("y", 0), TopicPartition("y", 1)])
    }

    @Test("What a member says survives its encoding, as each assignor needs it", arguments: PartitionAssignor.allCases)
    func subscriptions(assignor: PartitionAssignor) throws {
        let partitions = [TopicPartition("t", 0), TopicPartition("t", 4)]
        let subscription = assignor.subscription(
            topics: ["t"],
            owned: assignor.isCooperative ? partitions : [],
            previous: partitions,
            generation: 7
        )
        for version: Int16 in 0...3 {
            let member = try #require(
                assignor.member(
                    memberId: "m",
                    groupInstanceId: "i",
                    metadata: subscription.encoded(version: version)
                )
            )
            #expect(member.topics == ["t"] && member.groupInstanceId == "i")
            switch assignor {
            case .range, .roundRobin: #expect(member.ownedPartitions.isEmpty)
            case .sticky:
                #expect(member.ownedPartitions == partitions)
                #expect(member.generation == 7)
            case .cooperativeSticky:
                #expect(member.ownedPartitions == (version >= 1 ? partitions : []))
                #expect(member.generation == 7)
            }
        }
        #expect(assignor.member(memberId: "m", groupInstanceId: nil, metadata: [0]) == nil)
    }

    @Test("The sticky assignors' user data have Kafka's bytes")
    func userData() throws {
        let data = StickyUserData(previous: [TopicPartition("t", 1), TopicPartition("t", 0)], generation: 5)
        #expect(data.encoded() == bytes("00000001 0001 74 00000002 00000000 00000001 00000005"))
        let oldest = try StickyUserData(decoding: bytes("00000001 0001 74 00000001 00000003"))
        #expect(oldest == StickyUserData(previous: [TopicPartition("t", 3)], generation: -1))
        #expect(CooperativeStickyUserData(generation: 5).encoded() == bytes("00000005"))
        #expect(throws: CoordinatorRecordError.self) { try StickyUserData(decoding: bytes("00000001 0009 74")) }
        #expect(throws: CoordinatorRecordError.self) { try CooperativeStickyUserData(decoding: []) }
    }
}
