import MillracePrimitives
import MillraceStateStores
import Testing

private func precedes(_ left: Bytes, _ right: Bytes) -> Bool { left.lexicographicallyPrecedes(right) }

extension ByteTable {
    fileprivate func keys(_ snapshot: EntrySnapshot) -> [Bytes] {
        snapshot.map { entry in Bytes(key(at: entry)) }
    }

    fileprivate func range(_ first: Bytes, through last: Bytes, descending: Bool) -> [Bytes] {
        first.withUnsafeBytes { first in
            last.withUnsafeBytes { last in keys(range(from: first, through: last, descending: descending)) }
        }
    }

    fileprivate func range(_ first: Bytes, to end: Bytes) -> [Bytes] {
        first.withUnsafeBytes { first in end.withUnsafeBytes { end in keys(range(from: first, to: end)) } }
    }

    fileprivate func prefix(_ prefix: Bytes, descending: Bool = false) -> [Bytes] {
        prefix.withUnsafeBytes { prefix in keys(self.prefix(prefix, descending: descending)) }
    }
}

@Suite("Ordered access to a byte table")
struct OrderedAccessTests {
    @Test("Ranges, prefixes and all keys come as from a sorted array, between random writes", arguments: UInt64(0)..<10)
    func randomOperations(seed: UInt64) {
        let keyCount = [30, 400, 3000][Int(seed % 3)]
        var draw = Draw(seed: seed, keyCount: keyCount)
        let table = ByteTable(remembering: seed % 2 == 0 ? [] : .committedValues)
        var model: Set<Bytes> = []
        var committed: Set<Bytes> = []
        for round in 0..<60 {
            // A long round without ordered access makes the table drop the order, a short one makes it keep it.
            for _ in 0..<(round % 10 == 9 ? keyCount + 2500 : 40) {
                let key = draw.key()
                if draw.below(3) == 0 {
                    _ = table.remove(key)
                    model.remove(key)
                } else {
                    table.put(key, [1])
                    model.insert(key)
                }
            }
            if round % 7 == 6 && !table.remembering.isEmpty {
                table.rollback()
                model = committed
            } else {
                table.commit()
                committed = model
            }
            let comment: Comment = "seed \(seed), round \(round)"
            let sorted = model.sorted(by: precedes)
            let first = draw.key()
            let last = draw.key()
            let within = sorted.filter { !precedes($0, first) && !precedes(last, $0) }
            #expect(table.range(first, through: last, descending: false) == within, comment)
            #expect(table.range(first, through: last, descending: true) == within.reversed(), comment)
            #expect(table.range(first, to: last) == within.filter { $0 != last }, comment)
            let prefix = Bytes(first.prefix(draw.below(5)))
            let beginning = sorted.filter { $0.starts(with: prefix) }
            #expect(table.prefix(prefix) == beginning, comment)
            #expect(table.prefix(prefix, descending: true) == beginning.reversed(), comment)
            if round % 5 == 0 {
                #expect(table.keys(table.all()) == sorted, comment)
                #expect(table.keys(table.all(descending: true)) == sorted.reversed(), comment)
            }
        }
    }

    @Test("The order that is built in steps, between writes, is that of a sorted array", arguments: UInt64(0)..<10)
    func builtInSteps(seed: UInt64) {
        var draw = Draw(seed: seed, keyCount: 3_000)
        let table = ByteTable()
        var model: Set<Bytes> = []
        func write(_ count: Int) {
            for _ in 0..<count {
                let key = draw.key()
                if draw.below(3) == 0 {
                    _ = table.remove(key)
                    model.remove(key)
                } else {
                    table.put(key, [1])
                    model.insert(key)
                }
            }
        }
        for round in 0..<4 {
            // Enough for the table to drop the order of the last round.
            write(8_000)
            var stepCount = 0
            while !table.advanceOrder(entryCountMax: 100) {
                stepCount += 1
                write(40)
            }
            let comment: Comment = "seed \(seed), round \(round)"
            #expect(round > 0 || stepCount > 10, comment)
            #expect(table.keys(table.all()) == model.sorted(by: precedes), comment)
            write(100)
            #expect(table.keys(table.all()) == model.sorted(by: precedes), comment)
        }
    }

    @Test("Who reads in order before the steps are through gets everything all the same")
    func readBetweenSteps() {
        let table = ByteTable()
        let keys = (0..<250).map { [UInt8($0)] }
        for key in keys.reversed() { table.put(key, []) }
        #expect(!table.advanceOrder(entryCountMax: 100))
        #expect(table.keys(table.all()) == keys)
        #expect(table.advanceOrder(entryCountMax: 100))
        #expect(table.keys(table.all()) == keys)
    }

    @Test("Keys are ordered as unsigned bytes, a prefix before what it begins")
    func unsignedOrder() {
        let table = ByteTable()
        let keys: [Bytes] = [
            [], [0], [0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0], [127], [128], [255],
        ]
        for key in keys.reversed() { table.put(key, []) }
        #expect(table.keys(table.all()) == keys)
    }

    @Test("A prefix of 255s has no end but that of the table")
    func prefixOfLastBytes() {
        let table = ByteTable()
        for key: Bytes in [[254], [255], [255, 255], [255, 255, 3]] { table.put(key, []) }
        #expect(table.prefix([255, 255]) == [[255, 255], [255, 255, 3]])
    }

    @Test("Ascending keys, as windows make them, are kept in order while they are added and expire")
    func ascendingKeys() {
        let table = ByteTable()
        func key(_ number: Int) -> Bytes { withUnsafeBytes(of: UInt64(number).bigEndian) { Bytes($0) } }
        for number in 0..<5000 {
            table.put(key(number), [1])
            if number >= 1000 { _ = table.remove(key(number - 1000)) }
            #expect(
                table.range(key(number - 1 < 0 ? 0 : number - 1), through: key(number + 5), descending: false).last
                    == key(number)
            )
        }
        #expect(table.keys(table.all()) == (4000..<5000).map(key))
    }

    @Test("A snapshot passes over keys that were removed, ignores new ones, and reads new values")
    func snapshotDuringWrites() {
        let table = ByteTable()
        for number in UInt8(0)..<100 { table.put([number], [number]) }
        var visited: [Bytes] = []
        for entry in table.all() {
            let key = Bytes(table.key(at: entry))
            visited.append(key)
            if key == [10] {
                _ = table.remove([20])
                _ = table.remove([30])
                // These take over the entries that were freed.
                table.put([200], [200])
                table.put([201], [201])
                table.put([40], [41])
                for number in 0..<2000 { table.put(Draw.key(number + 1), [1]) }
            }
            if key == [40] { #expect(Bytes(table.value(at: entry)) == [41]) }
        }
        #expect(visited == (UInt8(0)..<100).filter { $0 != 20 && $0 != 30 }.map { [$0] })
    }

    @Test("Peeking does not move on")
    func peek() {
        let table = ByteTable()
        table.put([1], [])
        table.put([2], [])
        var snapshot = table.all()
        #expect(snapshot.count == 2)
        #expect(snapshot.peek() == table.find([1]))
        #expect(snapshot.next() == table.find([1]))
        #expect(snapshot.peek() == table.find([2]))
        _ = table.remove([2])
        #expect(snapshot.next() == nil)
    }
}
