import MillracePrimitives
import Testing

@testable import MillraceStreamsRuntime

@Suite("Numbers committed with the input offsets")
struct TaskRegisterTests {
    private static let task = TaskId(subtopology: 0, partition: 0)

    @Test("partition time and registers come back from the text that is committed")
    func roundTrip() {
        let metadata = PartitionMetadata(timeMs: 1_234, registers: ["b": -1, "a": Int64.max, "é": 0])
        #expect(PartitionMetadata(text: metadata.text) == metadata)
        #expect(PartitionMetadata(text: PartitionMetadata().text) == PartitionMetadata())
    }

    @Test("the text is that of Kafka Streams: version 2, time, number of names, each with its length and its value")
    func layout() {
        let text = PartitionMetadata(timeMs: 5, registers: ["ab": 7]).text
        #expect(
            Base64.decode(text) == [2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 97, 98, 0, 0, 0, 0, 0, 0, 0, 7]
        )
        #expect(Base64.decode(PartitionMetadata(timeMs: 5).text) == [2, 0, 0, 0, 0, 0, 0, 0, 5])
    }

    @Test("the text of version 1 has a time alone, and what no task wrote is as good as nothing")
    func foreignTexts() {
        #expect(PartitionMetadata(text: "AQAAAAAAAAAF") == PartitionMetadata(timeMs: 5))
        for text in ["", "hello", "AwAAAAAAAAAF", "AgAA", "AgAAAAAAAAAFAAAACQ=="] {
            #expect(PartitionMetadata(text: text) == nil, "\(text)")
        }
    }

    @Test("all who ask for a register of one name share it")
    func shares() {
        let registers = TaskRegisters()
        registers.register(named: "time", initial: -1).value = 5
        #expect(registers.register(named: "time", initial: -1).value == 5)
        registers.register(named: "time", initial: -1).raise(to: 3)
        #expect(registers.register(named: "time", initial: -1).value == 5)
    }

    @Test("more registers than fit beside one offset are spread over the task's partitions, and come back from there")
    func spreads() throws {
        let partitions = [TopicPartition("a", 0), TopicPartition("b", 0)]
        let registers = TaskRegisters()
        for number in 0..<100 { _ = registers.register(named: Self.name(number), initial: Int64(number)) }
        try registers.settle(in: partitions, of: Self.task)
        var committed: [TopicPartition: [String: Int64]] = [:]
        for partition in partitions {
            let metadata = PartitionMetadata(timeMs: 1, registers: registers.values(keptWith: partition))
            #expect(metadata.text.utf8.count <= PartitionMetadata.maximumTextBytes)
            committed[partition] = PartitionMetadata(text: metadata.text)?.registers
        }
        #expect(committed.values.map(\.count).reduce(0, +) == 100)

        let next = TaskRegisters()
        for number in 0..<100 { _ = next.register(named: Self.name(number), initial: -1) }
        try next.settle(in: partitions, of: Self.task)
        next.restore(committed)
        for number in 0..<100 {
            #expect(next.register(named: Self.name(number), initial: -1).value == Int64(number))
        }
    }

    @Test(
        "the registers of a store that was renamed are found, and once they have the new name the old one is forgotten"
    )
    func renames() throws {
        let partition = TopicPartition("a", 0)
        func restored(_ committed: [String: Int64]) throws -> [Int64] {
            let registers = TaskRegisters()
            registers.formerStoreNames = ["totals": "counts"]
            let found = ["totals.time", "totals.0.time", "totals-left-time", "totals2.time", "counts2.time"].map {
                registers.register(named: $0, initial: -1)
            }
            try registers.settle(in: [partition], of: Self.task)
            registers.restore([partition: committed])
            return found.map(\.value)
        }
        let before: [String: Int64] = [
            "counts.time": 1, "counts.0.time": 2, "counts-left-time": 3, "counts2.time": 4,
        ]
        #expect(try restored(before) == [1, 2, 3, -1, 4])
        #expect(try restored(before.merging(["totals.time": 5]) { $1 }) == [5, 2, 3, -1, 4])
    }

    @Test("more registers than fit at all are an error that says how many bytes there are")
    func overflows() {
        let registers = TaskRegisters()
        for number in 0..<100 { _ = registers.register(named: Self.name(number), initial: 0) }
        let error = #expect(throws: StreamsError.self) {
            try registers.settle(in: [TopicPartition("a", 0)], of: Self.task)
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("5200 bytes"))
    }

    @Test("a register that another partition kept before is found there")
    func moves() throws {
        let partitions = [TopicPartition("a", 0), TopicPartition("b", 0)]
        let registers = TaskRegisters()
        let register = registers.register(named: "time", initial: -1)
        try registers.settle(in: partitions, of: Self.task)
        registers.restore([partitions[1]: ["time": 9]])
        #expect(register.value == 9)
        registers.restore([partitions[0]: ["time": 4], partitions[1]: ["time": 9]])
        #expect(register.value == 4)
    }

    private static func name(_ number: Int) -> String {
        "an-operator-with-a-name-of-some-length-\(number + 10)".padding(to: 40)
    }
}

extension String {
    fileprivate func padding(to count: Int) -> String {
        String((self + String(repeating: ".", count: count)).prefix(count - 3)) + suffix(3)
    }
}
