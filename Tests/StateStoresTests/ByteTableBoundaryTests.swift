import MillracePrimitives
import MillraceStateStores
import Testing

@Suite("Byte tables at their boundaries")
struct ByteTableBoundaryTests {
    @Test("The empty key is a key, and the empty value a value")
    func emptyKeyAndValue() {
        let table = ByteTable()
        #expect(table.get([]) == nil)
        table.put([], [])
        #expect(table.get([]) == [])
        #expect(table.count == 1 && table.byteCount == 0)
        let nowhere = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(table.find(nowhere) >= 0, "a buffer without an address is the empty key too")
        table.put(nowhere, nowhere)
        #expect(table.remove([]))
        #expect(table.get([]) == nil)
        #expect(!table.remove([]))
    }

    @Test("Keys and values of every length around the room in an entry come back whole", arguments: 0..<60)
    func lengths(keyCount: Int) {
        let table = ByteTable()
        let key = Bytes((0..<keyCount).map { UInt8($0) })
        for valueCount in [0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 39, 40, 41, 63, 64, 65, 200, 30, 3, 0, 1000] {
            let value = Bytes((0..<valueCount).map { UInt8(truncatingIfNeeded: 255 - $0) })
            table.put(key, value)
            #expect(table.get(key) == value, "a value of \(valueCount) bytes")
            #expect(table.byteCount == keyCount + valueCount)
        }
    }

    @Test("Values of a megabyte are kept, overwritten and given back")
    func megabyteValues() {
        let table = ByteTable(remembering: .committedValues)
        for round in 0..<3 {
            for number in UInt8(0)..<4 {
                table.put([number], Bytes(repeating: number &+ UInt8(round), count: 1 << 20 + round))
            }
            table.commit()
        }
        for number in UInt8(0)..<4 {
            #expect(table.get([number]) == Bytes(repeating: number &+ 2, count: 1 << 20 + 2))
        }
        for number in UInt8(0)..<4 { table.put([number], [number]) }
        table.rollback()
        #expect(table.get([3]) == Bytes(repeating: 5, count: 1 << 20 + 2))
        for number in UInt8(0)..<4 { #expect(table.remove([number])) }
        table.commit()
        #expect(table.byteCount == 0)
    }

    @Test("A resized value keeps the bytes that both lengths share, wherever it moves")
    func resizeKeepsBytes() {
        let table = ByteTable()
        let entry = table.insertOrFind([9, 9]).entry
        table.setValue(at: entry, Bytes(0..<30))
        for count in [30, 38, 39, 100, 5000, 31] {
            _ = table.writableValue(at: entry, count: count)
            #expect(Bytes(table.value(at: entry).prefix(30)) == Bytes(0..<30), "at \(count) bytes")
        }
        #expect(Bytes(table.key(at: entry)) == [9, 9])
    }

    @Test("A timestamped value is the timestamp, big-endian, and the value")
    func timestampedValue() {
        let table = ByteTable()
        let entry = table.insertOrFind([1]).entry
        Bytes([7, 8]).withUnsafeBytes { table.setTimestampedValue(at: entry, timestampMs: 258, $0) }
        #expect(table.get([1]) == [0, 0, 0, 0, 0, 0, 1, 2, 7, 8])
        #expect(TimestampedValue.timestampMs(table.value(at: entry)) == 258)
        #expect(TimestampedValue.value(table.value(at: entry)).map { Bytes($0) } == [7, 8])
        table.setValue(at: entry, [1, 2, 3, 4, 5, 6, 7])
        #expect(TimestampedValue.timestampMs(table.value(at: entry)) == nil, "seven bytes hold no timestamp")
        #expect(TimestampedValue.value(table.value(at: entry)) == nil)
    }

    @Test(
        "Memory stays within a few times the contents while values change size and keys come and go",
        arguments: [false, true]
    )
    func churnIsBounded(logged: Bool) {
        let table = ByteTable(remembering: logged ? [.dirtyEntries, .committedValues] : [])
        var draw = Draw(seed: 7, keyCount: 500)
        var largest = 0
        for step in 0..<60_000 {
            let key = draw.key()
            if draw.below(3) == 0 { _ = table.remove(key) } else { table.put(key, draw.value()) }
            if logged && step % 100 == 99 {
                _ = table.flushed()
                table.commit()
            }
            largest = max(largest, table.memoryBytes)
        }
        // 500 keys of some 500 bytes on average are 250 kB; twice that for garbage, twice for room to grow.
        #expect(largest < 2_500_000, "reserved \(largest) bytes at most")
    }

    @Test("A table that a large value left does not keep its room")
    func largeValuesAreReleased() {
        let table = ByteTable()
        for number in 0..<200 {
            table.put(Draw.key(number), Bytes(repeating: 1, count: 1 << 18))
            table.put(Draw.key(number), [1])
        }
        #expect(table.memoryBytes < 4 << 20)
        for number in 0..<200 { #expect(table.get(Draw.key(number)) == [1]) }
    }

    @Test("New keys take the places of removed ones")
    func entriesAreReused() {
        let table = ByteTable()
        for number in 0..<50_000 {
            table.put(Draw.key(number), [1])
            if number >= 10 { #expect(table.remove(Draw.key(number - 10))) }
        }
        #expect(table.count == 10)
        #expect(table.memoryBytes < 20_000)
    }

    @Test("Emptying gives the memory back and leaves a table that works")
    func removeAll() {
        let table = ByteTable(remembering: .committedValues)
        for number in 0..<5000 { table.put(Draw.key(number), [1]) }
        _ = table.all()
        table.commit()
        table.removeAll()
        #expect(table.isEmpty && table.byteCount == 0)
        #expect(table.memoryBytes < 10_000)
        #expect(table.all().count == 0)
        table.put([1], [1])
        table.rollback()
        #expect(table.isEmpty)
    }
}
