import MillracePrimitives
import Testing

@Suite("Hashes and checksums")
struct HashTests {
    @Test(
        "murmur2 gives the values that Kafka's own clients place keys with",
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ] as [(String, Int32)]
    )
    func murmur2(key: String, hash: Int32) {
        #expect(Array(key.utf8).withUnsafeBytes { Hashes.murmur2($0) } == hash)
    }

    @Test(
        "murmur3 gives the values of its definition, whatever the length of the tail",
        arguments: [
            ("", 0, 0), ("hello", 0xcbd8_a7b3_41bd_9b02, 0x5b1e_906a_48ae_1d19),
            ("hello, world", 0x342f_ac62_3a5e_bc8e, 0x4cdc_bc07_9642_414d),
            ("19 Jan 2038 at 3:14:07 AM", 0xb89e_5988_b737_affc, 0x664f_c295_0231_b2cb),
            ("The quick brown fox jumps over the lazy dog.", 0xcd99_481f_9ee9_02c9, 0x695d_a1a3_8987_b6e7),
        ] as [(String, UInt64, UInt64)]
    )
    func murmur3(text: String, high: UInt64, low: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes { Hashes.murmur3($0) } == Hash128(high: high, low: low))
    }

    @Test("a key's partition lies within the topic, whatever the sign of its hash")
    func partition() {
        for key in ["21", "foobar", "abc", ""] {
            for count in [1, 2, 7, 100] as [Int32] {
                let partition = Array(key.utf8).withUnsafeBytes { Hashes.partition(forKey: $0, of: count) }
                #expect((0..<count).contains(partition), "\(key) of \(count)")
            }
        }
        // (-973932308 & 0x7fffffff) % 100
        #expect(Array("21".utf8).withUnsafeBytes { Hashes.partition(forKey: $0, of: 100) } == 40)
    }

    @Test("the mixed hash depends on every byte and on the length")
    func mix() {
        var seen: Set<UInt64> = []
        for count in 0...40 {
            let zeros = [UInt8](repeating: 0, count: count)
            #expect(seen.insert(zeros.withUnsafeBytes { Hashes.mix($0) }).inserted, "length \(count)")
            for index in 0..<count {
                var bytes = zeros
                bytes[index] = 1
                #expect(seen.insert(bytes.withUnsafeBytes { Hashes.mix($0) }).inserted, "byte \(index) of \(count)")
            }
        }
    }

    @Test("CRC-32C of the check string is the published value, by both ways")
    func crcCheckValue() {
        Array("123456789".utf8).withUnsafeBytes { bytes in
            #expect(CRC32C.checksum(bytes) == 0xe306_9283)
            #expect(CRC32C.portableChecksum(bytes) == 0xe306_9283)
        }
        #expect(CRC32C.checksum(UnsafeRawBufferPointer(start: nil, count: 0)) == 0)
    }

    @Test("both ways to a CRC-32C agree, at every length and alignment, also in two steps")
    func crcAgreement() {
        var random = SeededRandom(seed: 3)
        let bytes = (0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withUnsafeBytes { bytes in
            for start in 0..<9 {
                for end in start...bytes.count {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                    let expected = CRC32C.portableChecksum(part)
                    let head = UnsafeRawBufferPointer(rebasing: part[..<(part.count / 3)])
                    let tail = UnsafeRawBufferPointer(rebasing: part[(part.count / 3)...])
                    let inSteps = CRC32C.checksum(tail, continuing: CRC32C.checksum(head))
                    if CRC32C.checksum(part) != expected || inSteps != expected {
                        Issue.record("the checksums of \(start)..<\(end) differ")
                    }
                }
            }
        }
    }

    @Test("both ways to a CRC-32C agree on long input, which the instruction takes in lanes")
    func crcAgreementOfLongInput() {
        var random = SeededRandom(seed: 4)
        let bytes = (0..<300_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withUnsafeBytes { bytes in
            for length in [3_071, 3_072, 3_073, 6_143, 6_144, 65_536, 98_303, 98_304, 98_305, 200_001, 299_000] {
                let part = UnsafeRawBufferPointer(rebasing: bytes[7..<7 + length])
                #expect(CRC32C.checksum(part) == CRC32C.portableChecksum(part), "\(length) bytes")
            }
        }
    }
}
