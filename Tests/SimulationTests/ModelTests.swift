import MillracePrimitives
import Testing

@testable import MillraceSimulation

/// The judge, without an engine: what it must object to, and what it must let pass.
@Suite struct ModelTests {
    private let place = TopicPartition("output", 0)
    private let member = GroupMembership(groupId: "readers", memberId: "a", generation: 2)
    private var model = Model()

    @Test("a commit that is reported after the abort is a violation") mutating func commitAfterAbort() {
        let transaction = model.begin("owner-0")
        model.aborted(transaction, .done(()))
        model.committed(transaction, .done(()))
        #expect(model.violation?.invariant == .fenced)
    }

    @Test("a commit of an owner that was replaced is a violation") mutating func commitOfZombie() {
        let transaction = model.begin("owner-0")
        model.gave(ProducerIdentity(id: 1, epoch: 1), to: "owner-0")
        model.committed(transaction, .done(()))
        #expect(model.violation?.invariant == .fenced)
    }

    @Test("a commit without an answer may turn out either way, once") mutating func doubt() {
        let transaction = model.begin("owner-0")
        model.committed(transaction, .unknown("the machine stopped"))
        #expect(model.transactions[transaction].fate == .inDoubt)
        model.decided(transaction, isCommitted: true)
        #expect(model.violation == nil)
        model.aborted(transaction, .done(()))
        #expect(model.violation?.invariant == .atomic)
    }

    @Test("a record of an open transaction is not for readers of committed data") mutating func isolation() {
        let transaction = model.begin("owner-0")
        let batch = model.add(to: place, count: 1, transaction: transaction)
        model.appended(batch, .done(0))
        model.saw(SeenRecord(offset: 0, value: model.batches[batch].values[0]), in: place)
        #expect(model.violation?.invariant == .isolated)
    }

    @Test("a retry that is stored elsewhere is a violation, unless the first was lost with the power")
    mutating func retry() {
        let batch = model.add(to: place, count: 1)
        model.appended(batch, .done(4))
        model.lostPower()
        model.appended(batch, .done(3))
        #expect(model.violation == nil)
        model.appended(batch, .done(5))
        #expect(model.violation?.invariant == .ordered)
    }

    @Test("a commit of acknowledged records that are gone is a violation") mutating func loss() {
        let transaction = model.begin("owner-0")
        let batch = model.add(to: place, count: 1, transaction: transaction)
        model.appended(batch, .done(4))
        model.lostPower()
        model.settle(batch, at: nil, isDurable: true)
        model.committed(transaction, .done(()))
        #expect(model.violation?.invariant == .atomic)
    }

    @Test("an identity is given once") mutating func identities() {
        model.gave(ProducerIdentity(id: 1, epoch: 0), to: "owner-0")
        model.gave(ProducerIdentity(id: 1, epoch: 1), to: "owner-0")
        #expect(model.violation == nil)
        model.gave(ProducerIdentity(id: 1, epoch: 1), to: "owner-0")
        #expect(model.violation?.invariant == .fenced)
    }

    @Test("a member of an older generation must not commit") mutating func generations() {
        model.joined(member)
        model.committed(7, of: place, .done(()), by: member)
        #expect(model.violation == nil && model.positions[place] == [7])
        var old = member
        old.generation = 1
        model.committed(8, of: place, .done(()), by: old)
        #expect(model.violation?.invariant == .fenced)
    }
}
