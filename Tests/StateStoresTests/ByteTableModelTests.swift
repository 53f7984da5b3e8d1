import MillracePrimitives
import MillraceStateStores
import Testing

@Suite("A byte table does what a dictionary does")
struct ByteTableModelTests {
    @Test("Random puts, reads and removals give what a dictionary gives", arguments: [4, 60, 700, 5000], 0..<6)
    func randomOperations(keyCount: Int, run: Int) {
        let seed = UInt64(keyCount * 1000 + run)
        var draw = Draw(seed: seed, keyCount: keyCount)
        let table = ByteTable()
        var model: [Bytes: Bytes] = [:]
        // A run leans to growth, to balance or to shrinking, and changes its mind.
        var removalPercent = 20
        for step in 0..<(keyCount * 3 + 2000) {
            if step % 500 == 0 { removalPercent = [5, 20, 45, 80][draw.below(4)] }
            let key = draw.key()
            if draw.below(100) < removalPercent {
                let wasThere = model.removeValue(forKey: key) != nil
                #expect(table.remove(key) == wasThere, "seed \(seed), step \(step)")
            } else if draw.below(4) == 0 {
                #expect(table.get(key) == model[key], "seed \(seed), step \(step)")
            } else {
                let value = draw.value()
                table.put(key, value)
                model[key] = value
            }
            if step % 1000 == 999 { expectEqual(table, model, "seed \(seed), step \(step)") }
        }
        expectEqual(table, model, "seed \(seed), at the end")
    }

    @Test("A handle stays good while other keys come, grow and go", arguments: UInt64(0)..<8)
    func handlesAreStable(seed: UInt64) {
        var draw = Draw(seed: seed, keyCount: 2000)
        let table = ByteTable()
        var handles: [Bytes: Int] = [:]
        for step in 0..<6000 {
            let key = draw.key()
            if draw.below(3) == 0 {
                _ = table.remove(key)
                handles[key] = nil
            } else {
                let entry = table.insertOrFind(key).entry
                table.setValue(at: entry, draw.value())
                if let before = handles[key] {
                    #expect(before == entry, "seed \(seed), step \(step): a key that stays keeps its handle")
                }
                handles[key] = entry
            }
        }
        let wrong = handles.first { Bytes(table.key(at: $0.value)) != $0.key }
        #expect(wrong == nil, "seed \(seed): each handle leads to its key")
    }

    @Test("Fetching ahead from memory changes nothing, for keys that are there and keys that are not")
    func prefetch() {
        let table = ByteTable()
        let keys = (0..<10_000).map { number in withUnsafeBytes(of: number) { Bytes($0) } }
        for key in keys[..<6_000] { table.put(key, key) }
        for first in stride(from: 0, to: keys.count, by: 16) {
            let group = keys[first..<min(first + 16, keys.count)].map { key in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: key.count, alignment: 1)
                copy.copyBytes(from: key)
                return UnsafeRawBufferPointer(copy)
            }
            group.withUnsafeBufferPointer { table.prefetch($0) }
            for copy in group { copy.deallocate() }
        }
        table.prefetch(UnsafeBufferPointer(start: nil, count: 0))
        #expect(table.count == 6_000)
        let wrong = keys.indices.first { (table.get(keys[$0]) == keys[$0]) != ($0 < 6_000) }
        #expect(wrong == nil, "the table still holds the first 6,000 keys and no other")
    }

    @Test("A hundred thousand keys are all found, and none that was not put in")
    func manyKeys() {
        let table = ByteTable()
        func key(_ number: Int) -> Bytes { withUnsafeBytes(of: number) { Bytes($0) } }
        for number in 0..<100_000 { table.put(key(number), key(number * 7)) }
        #expect(table.count == 100_000)
        let lost = (0..<100_000).first { table.get(key($0)) != key($0 * 7) }
        #expect(lost == nil, "the first key that was lost")
        let invented = (100_000..<200_000).first { table.find(key($0)) >= 0 }
        #expect(invented == nil, "the first key that was never put in")
    }

    @Test("Removing half of many keys leaves the other half within reach")
    func removalClosesGaps() {
        let table = ByteTable(minimumCapacity: 3000)
        for number in 0..<3000 { table.put(Draw.key(number), [1]) }
        for number in stride(from: 0, to: 3000, by: 2) { #expect(table.remove(Draw.key(number))) }
        let wrong = (0..<3000).first { (table.get(Draw.key($0)) == nil) != ($0 % 2 == 0) }
        #expect(wrong == nil, "the first key that is there and should not be, or the other way round")
    }

    @Test("Keys whose hashes agree in all the bits that a slot keeps are told apart")
    func hashCollisions() {
        func key(_ number: Int) -> Bytes { withUnsafeBytes(of: number) { Bytes($0) } }
        var seen: [UInt32: Int] = [:]
        var pairs: [(Int, Int)] = []
        for number in 0..<400_000 {
            let hash = key(number).withUnsafeBytes { UInt32(truncatingIfNeeded: Hashes.mix($0)) }
            if let other = seen.updateValue(number, forKey: hash) { pairs.append((other, number)) }
        }
        #expect(pairs.count > 3, "400,000 keys share some 32-bit hashes")
        let table = ByteTable()
        for (left, right) in pairs {
            table.put(key(left), [1])
            #expect(table.find(key(right)) == -1)
            table.put(key(right), [2])
        }
        for (left, right) in pairs {
            #expect(table.remove(key(left)))
            #expect(table.get(key(right)) == [2])
            #expect(table.get(key(left)) == nil)
        }
    }
}
