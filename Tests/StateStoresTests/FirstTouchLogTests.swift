import MillracePrimitives
import Testing

@testable import MillraceStateStores

/// What a table with a first-touch log must do, said with dictionaries.
private struct LogModel {
    var now: [Bytes: Bytes] = [:]
    var committed: [Bytes: Bytes] = [:]
    var flushed: [Bytes: Bytes] = [:]
    var dirtyOrder: [Bytes] = []
    var dirty: Set<Bytes> = []

    mutating func set(_ key: Bytes, _ value: Bytes?) {
        // Removing what is not there is no write.
        if value == nil && now[key] == nil { return }
        if dirty.insert(key).inserted { dirtyOrder.append(key) }
        now[key] = value
    }

    mutating func flush() -> [Flushed] {
        let visited = dirtyOrder.map { Flushed(key: $0, old: flushed[$0], new: now[$0]) }
        flushed = now
        dirtyOrder = []
        dirty = []
        return visited.filter { $0.old != nil || $0.new != nil }
    }

    mutating func commit() { committed = now }

    mutating func rollback() {
        now = committed
        flushed = committed
        dirtyOrder = []
        dirty = []
    }
}

@Suite("The first-touch log: record cache and rollback")
struct FirstTouchLogTests {
    @Test(
        "Random writes with flushes, commits and rollbacks follow the model",
        arguments: [ByteTable.Remembering.dirtyEntries, .committedValues, [.dirtyEntries, .committedValues]],
        UInt64(0)..<12
    )
    func randomOperations(remembering: ByteTable.Remembering, seed: UInt64) {
        let keyCount = [3, 40, 300][Int(seed % 3)]
        var draw = Draw(seed: seed, keyCount: keyCount)
        let table = ByteTable(remembering: remembering)
        var model = LogModel()
        let caches = remembering.contains(.dirtyEntries)
        let undoes = remembering.contains(.committedValues)
        for step in 0..<4000 {
            let comment: Comment = "seed \(seed), step \(step)"
            switch draw.below(300) {
            case 0, 1, 2:
                if caches { #expect(table.flushed() == model.flush(), comment) }
                if caches { #expect(table.dirtyByteCount == 0, comment) }
            case 3:
                if caches { #expect(table.flushed() == model.flush(), comment) }
                table.commit()
                model.commit()
                #expect(table.uncommittedCount == 0 && table.logByteCount == 0, comment)
            case 4, 5:
                if undoes {
                    table.rollback()
                    model.rollback()
                    #expect(table.uncommittedCount == 0 && table.dirtyByteCount == 0, comment)
                    expectEqual(table, model.now, comment)
                }
            case 6..<110:
                let key = draw.key()
                #expect(table.remove(key) == (model.now[key] != nil), comment)
                model.set(key, nil)
            default:
                let key = draw.key()
                let value = draw.value()
                table.put(key, value)
                model.set(key, value)
            }
        }
        expectEqual(table, model.now, "seed \(seed), at the end")
    }

    @Test("A key written many times is flushed once, with its value before the first write and after the last")
    func coalesces() {
        let table = ByteTable(remembering: .dirtyEntries)
        table.load([1], [10])
        table.put([2], [20])
        for value in UInt8(11)...15 { table.put([1], [value]) }
        #expect(
            table.flushed() == [Flushed(key: [2], old: nil, new: [20]), Flushed(key: [1], old: [10], new: [15])]
        )
        #expect(table.flushed().isEmpty, "nothing was written since")
    }

    @Test("A flush tells a removed key from one with an empty value, then and now")
    func absentIsNotEmpty() {
        let table = ByteTable(remembering: .dirtyEntries)
        table.load([1], [])
        table.load([2], [2])
        table.put([1], [1])
        table.put([2], [])
        table.put([3], [])
        #expect(
            table.flushed() == [
                Flushed(key: [1], old: [], new: [1]), Flushed(key: [2], old: [2], new: []),
                Flushed(key: [3], old: nil, new: []),
            ]
        )
        _ = table.remove([1])
        #expect(table.flushed() == [Flushed(key: [1], old: [1], new: nil)])
    }

    @Test("A key made and removed between two flushes is not visited")
    func madeAndRemoved() {
        let table = ByteTable(remembering: .dirtyEntries)
        table.put([1], [1])
        _ = table.remove([1])
        #expect(table.flushed().isEmpty)
        #expect(table.find([1]) == -1)
    }

    @Test("A dirty entry carries the context of its newest write")
    func newestContext() {
        let table = ByteTable(remembering: .dirtyEntries)
        for timestampMs in Int64(5)...9 {
            let entry = table.insertOrFind([1]).entry
            table.setValue(at: entry, [UInt8(timestampMs)])
            table.noteContext(at: entry, TouchContext(timestampMs: timestampMs, token: -timestampMs))
        }
        var contexts: [TouchContext] = []
        table.flush { dirty in contexts.append(dirty.context) }
        #expect(contexts == [TouchContext(timestampMs: 9, token: -9)])
    }

    @Test("The cache reports that it is over its bound, and no longer does after a flush")
    func bound() {
        let table = ByteTable(remembering: [.dirtyEntries, .committedValues], cacheBytesMax: 10_000)
        var number = 0
        while !table.isOverCacheBound && number < 1000 {
            table.put(Draw.key(number), Bytes(repeating: 1, count: 100))
            number += 1
        }
        #expect((40...90).contains(number), "some 150 bytes a key fill 10,000 bytes; it took \(number) keys")
        // Writing the same keys again takes no more room.
        let bytes = table.dirtyByteCount
        for again in 0..<number { table.put(Draw.key(again), Bytes(repeating: 2, count: 100)) }
        #expect(table.dirtyByteCount == bytes)
        _ = table.flushed()
        #expect(!table.isOverCacheBound)
        #expect(table.dirtyByteCount == 0)
    }

    @Test(
        "A visitor that writes sees later keys once with their newest value, and its new keys wait for the next flush"
    )
    func writesDuringFlush() {
        let table = ByteTable(remembering: .dirtyEntries)
        for number in UInt8(1)...3 { table.put([number], [number]) }
        var visited: [Flushed] = []
        table.flush { dirty in
            visited.append(Flushed(dirty))
            if dirty.key.elementsEqual([1]) {
                table.put([3], [33])
                table.put([1], [11])
                _ = table.remove([2])
                for number in UInt8(100)...250 { table.put([number], [number]) }
            }
        }
        #expect(visited == [Flushed(key: [1], old: nil, new: [1]), Flushed(key: [3], old: nil, new: [33])])
        let next = table.flushed()
        #expect(next.first == Flushed(key: [1], old: [1], new: [11]))
        #expect(next.count == 152)
        #expect(table.flushed().isEmpty)
    }

    @Test("A store that is written during every flush does not grow its log")
    func feedbackIsBounded() {
        let table = ByteTable(remembering: .dirtyEntries)
        table.put([1], [0])
        table.put([2], [0])
        for round in 0..<5000 {
            let target: UInt8 = round % 2 == 0 ? 1 : 2
            var isFirst = true
            table.flush { _ in
                if isFirst { table.put([target], Bytes(repeating: UInt8(round % 251), count: 50)) }
                isFirst = false
            }
        }
        #expect(table.logByteCount < 1000)
    }

    @Test("When the visitor throws, the keys that it did not get to stay dirty")
    func throwingVisitor() {
        struct Refused: Error {}
        let table = ByteTable(remembering: .dirtyEntries)
        for number in UInt8(1)...4 { table.put([number], [number]) }
        #expect(throws: Refused.self) {
            try table.flush { (dirty: DirtyEntry) throws(Refused) in
                if dirty.key.elementsEqual([2]) { throw Refused() }
            }
        }
        #expect(table.dirtyCount == 2)
        #expect(table.flushed().map(\.key) == [[3], [4]])
    }

    @Test("A rollback goes back past flushes to the last commit")
    func rollbackPastFlush() {
        let table = ByteTable(remembering: [.dirtyEntries, .committedValues])
        table.put([1], [1])
        table.put([2], [2])
        _ = table.flushed()
        table.commit()
        table.put([1], [10])
        table.put([3], [3])
        _ = table.flushed()
        table.put([1], [])
        _ = table.remove([2])
        _ = table.remove([3])
        table.rollback()
        #expect(table.contents == [[1]: [1], [2]: [2]])
        #expect(table.flushed().isEmpty, "what was rolled back is not dirty")
        table.put([2], [22])
        #expect(table.flushed() == [Flushed(key: [2], old: [2], new: [22])])
    }

    @Test("What is loaded is neither dirty nor undone")
    func loadIsNotLogged() {
        let table = ByteTable(remembering: [.dirtyEntries, .committedValues])
        table.load([1], [1])
        table.load([2], [2])
        table.load([2], nil)
        #expect(table.dirtyCount == 0 && table.uncommittedCount == 0)
        table.put([1], [3])
        table.rollback()
        #expect(table.contents == [[1]: [1]])
    }

    @Test("An entry that was taken back before it had a value leaves no trace")
    func abandonedEntry() {
        let table = ByteTable(remembering: .committedValues)
        let (entry, isNew) = table.insertOrFind([1])
        #expect(isNew)
        #expect(table.find([1]) == -1, "a key without a value is not found")
        #expect(table.isEmpty)
        table.remove(at: entry)
        #expect(table.uncommittedCount == 0)
        #expect(table.insertOrFind([1]).isNew)
    }

    @Test("When the numbers of records run high they begin anew, and first touches are still told from later ones")
    func numberingRestarts() {
        let table = ByteTable(remembering: .committedValues)
        table.load([9], [9])
        table.state.pointee.logBase = 1 << 30 - 5
        table.state.pointee.touchFloor = 1 << 30 - 5
        for round in UInt8(0)..<10 {
            table.put([1], [round])
            table.put([1], [round, round])
            table.put([round + 10], [round])
            #expect(table.uncommittedCount == 2, "round \(round)")
            table.commit()
        }
        #expect(table.state.pointee.logBase < 100, "the numbers began anew")
        table.put([1], [])
        _ = table.remove([9])
        table.rollback()
        #expect(table.get([1]) == [9, 9])
        #expect(table.get([9]) == [9])
    }
}
