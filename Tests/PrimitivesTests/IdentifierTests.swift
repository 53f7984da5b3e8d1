import MillracePrimitives
import Testing

@Suite("Identifiers, randomness and durations")
struct IdentifierTests {
    @Test("an identifier's text comes back as the identifier")
    func identifierRoundTrip() {
        var random = SeededRandom(seed: 11)
        var identifiers = (0..<500).map { _ in Identifier128.random(using: &random) }
        identifiers += [Identifier128(high: 0, low: 0), Identifier128(high: .max, low: .max)]
        for identifier in identifiers {
            #expect(identifier.description.utf8.count == 22)
            #expect(Identifier128(identifier.description) == identifier)
        }
    }

    @Test("an identifier's text is Kafka's: URL-safe base64 of its sixteen bytes")
    func identifierText() {
        #expect(Identifier128(high: 0, low: 0).description == "AAAAAAAAAAAAAAAAAAAAAA")
        #expect(Identifier128(high: 0, low: 1).description == "AAAAAAAAAAAAAAAAAAAAAQ")
        #expect(Identifier128(high: .max, low: .max).description == "_____________________w")
    }

    @Test(
        "text of another form is refused",
        arguments: ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAAA"]
    )
    func identifierRefused(text: String) {
        #expect(Identifier128(text) == nil)
    }

    @Test("a random identifier says that it is a version 4 UUID")
    func identifierVersion() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<100 {
            let identifier = Identifier128.random(using: &random)
            #expect(identifier.high >> 12 & 0xf == 4)
            #expect(identifier.low >> 62 == 2)
        }
    }

    @Test("partitions are ordered by topic, then by number")
    func partitionOrder() {
        let sorted = [TopicPartition("b", 0), TopicPartition("a", 10), TopicPartition("a", 2)].sorted()
        #expect(sorted.map(\.description) == ["a-2", "a-10", "b-0"])
    }

    @Test("one seed gives one sequence, another seed another")
    func seededRandom() {
        func sequence(_ seed: UInt64) -> [UInt64] {
            var random = SeededRandom(seed: seed)
            return (0..<100).map { _ in random.next() }
        }
        #expect(sequence(42) == sequence(42))
        #expect(sequence(42) != sequence(43))
        // The first numbers of SplitMix64 from 0, as its authors' reference gives them: what a seed means never changes.
        #expect(sequence(0).prefix(3) == [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f])
    }

    @Test("durations become whole units, saturated at what 64 bits hold")
    func durations() {
        #expect(Duration.milliseconds(1_500).wholeNanoseconds == 1_500_000_000)
        #expect(Duration.microseconds(1_999).wholeMilliseconds == 1)
        #expect(Duration.milliseconds(-1_500).wholeMilliseconds == -1_500)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(
            Duration(secondsComponent: -9_223_372_036, attosecondsComponent: -900_000_000_000_000_000).wholeNanoseconds
                == .min
        )
    }
}
