import MillracePrimitives

/// Divides partitions as evenly as the subscriptions allow, and of the even divisions takes one that leaves what it can
/// where it is: what Kafka's assignors `sticky` and `cooperative-sticky` promise (KIP-54, KIP-429).
///
/// 1. Each member keeps what it owns, if the partition still exists and it still subscribes. Of two claims the newer
///    generation's counts; of two in one generation neither does, since one of them must be wrong.
/// 2. What nobody keeps goes to the least loaded subscriber.
/// 3. As long as it makes the loads more even, partitions move along a shortest chain of members from a heavier member
///    to one that has at least two less, each taking over from the one before. Where no such chain is left, the loads
///    are as even as they can be (Harvey et al., "Semi-matchings for bipartite graphs", 2006). With equal subscriptions
///    a chain is one move, and loads differ by one at most.
struct StickyAssignor {
    private struct Topic {
        var name: String
        var partitionCount: Int
        /// Indices of members, ascending.
        var subscribers: [Int]
    }

    private let memberIds: [String]
    private var topics: [Topic] = []
    private var topicIndices: [String: Int] = [:]
    /// Who owned each partition of each topic before, by the rules of step 1; -1 for nobody.
    private var previousOwners: [[Int]] = []
    /// The partitions that each member gets, by topic.
    private var held: [[Int: Set<Int>]]
    private var loads: [Int]

    static func assign(
        _ members: [SubscribedMember],
        partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        var assignor = StickyAssignor(members, partitionCounts)
        assignor.keepOwned()
        assignor.placeUnowned()
        assignor.balance()
        return assignor.result
    }

    private init(_ members: [SubscribedMember], _ partitionCounts: [String: Int32]) {
        let ordered = members.sorted(by: SubscribedMember.precedes)
        memberIds = ordered.map(\.memberId)
        held = ordered.map { _ in [:] }
        loads = ordered.map { _ in 0 }
        var memberIndices: [String: Int] = [:]
        for (index, member) in ordered.enumerated() { memberIndices[member.memberId] = index }
        for (topic, count, subscribers) in members.subscribers(partitionCounts: partitionCounts) {
            topicIndices[topic] = topics.count
            topics.append(
                Topic(
                    name: topic,
                    partitionCount: Int(count),
                    subscribers: subscribers.compactMap { memberIndices[$0] }.sorted()
                )
            )
            previousOwners.append([Int](repeating: -1, count: Int(count)))
        }
        claim(ordered)
    }

    private mutating func claim(_ members: [SubscribedMember]) {
        var generations = previousOwners.map { $0.map { _ in Int64.min } }
        for (index, member) in members.enumerated() {
            let subscribed = Set(member.topics)
            for partition in Set(member.ownedPartitions) where subscribed.contains(partition.topic) {
                guard let topic = topicIndices[partition.topic], partition.partition >= 0,
                    partition.partition < topics[topic].partitionCount
                else { continue }
                let number = Int(partition.partition)
                let generation = Int64(member.generation)
                if generation > generations[topic][number] {
                    generations[topic][number] = generation
                    previousOwners[topic][number] = index
                } else if generation == generations[topic][number] {
                    previousOwners[topic][number] = -1
                }
            }
        }
    }

    private mutating func keepOwned() {
        for topic in topics.indices {
            for (number, owner) in previousOwners[topic].enumerated() where owner >= 0 {
                give(topic, number, to: owner)
            }
        }
    }

    private mutating func placeUnowned() {
        for topic in topics.indices {
            for (number, owner) in previousOwners[topic].enumerated() where owner < 0 {
                // There is one: a topic in the list has subscribers. The first of equals, so that all leaders agree.
                guard let least = topics[topic].subscribers.min(by: { (loads[$0], $0) < (loads[$1], $1) }) else {
                    continue
                }
                give(topic, number, to: least)
            }
        }
    }

    /// Each search either finds a chain or settles everybody it has reached: their loads are at most one apart from the
    /// member it began at, none of which a later chain from a lighter member can use.
    private mutating func balance() {
        var open = Set(memberIds.indices)
        while let heaviest = open.min(by: { (-loads[$0], $0) < (-loads[$1], $1) }) {
            let search = findChain(from: heaviest)
            if search.chain.isEmpty {
                open.subtract(search.reached)
            } else {
                for step in search.chain { move(step) }
            }
        }
    }

    private struct Step {
        var topic: Int
        var giver: Int
        var taker: Int
    }

    /// Searches breadth first for a member that has at least two partitions less than `start`, through members that can
    /// hand a partition on to the next.
    private func findChain(from start: Int) -> (chain: [Step], reached: Set<Int>) {
        var cameBy: [Int: Step] = [:]
        var reached: Set<Int> = [start]
        var frontier = [start]
        var seenTopics: Set<Int> = []
        while !frontier.isEmpty {
            var next: [Int] = []
            for giver in frontier {
                for topic in held[giver].keys.sorted() where seenTopics.insert(topic).inserted {
                    for taker in topics[topic].subscribers where reached.insert(taker).inserted {
                        cameBy[taker] = Step(topic: topic, giver: giver, taker: taker)
                        next.append(taker)
                    }
                }
            }
            let lightest = next.min { (loads[$0], $0) < (loads[$1], $1) }
            if let lightest, loads[lightest] <= loads[start] - 2 {
                var chain: [Step] = []
                var current = lightest
                while let step = cameBy[current] {
                    chain.append(step)
                    current = step.giver
                }
                return (chain, reached)
            }
            frontier = next
        }
        return ([], reached)
    }

    private mutating func move(_ step: Step) {
        let owners = previousOwners[step.topic]
        // Best a partition that comes home, then one that was not the giver's before: neither is a move for anybody. Else
        // the last, so that low numbers stay.
        func cost(_ number: Int) -> Int {
            owners[number] == step.taker ? 0 : owners[number] != step.giver ? 1 : 2
        }
        let candidates = held[step.giver][step.topic] ?? []
        guard let number = candidates.min(by: { (cost($0), -$0) < (cost($1), -$1) }) else { return }
        held[step.giver][step.topic]?.remove(number)
        if held[step.giver][step.topic]?.isEmpty == true { held[step.giver][step.topic] = nil }
        loads[step.giver] -= 1
        give(step.topic, number, to: step.taker)
    }

    private mutating func give(_ topic: Int, _ number: Int, to member: Int) {
        held[member][topic, default: []].insert(number)
        loads[member] += 1
    }

    private var result: [String: [TopicPartition]] {
        var assignments: [String: [TopicPartition]] = [:]
        for (index, memberId) in memberIds.enumerated() {
            assignments[memberId] = held[index].sorted { $0.key < $1.key }.flatMap { topic, numbers in
                numbers.sorted().map { TopicPartition(topics[topic].name, Int32($0)) }
            }
        }
        return assignments
    }
}
