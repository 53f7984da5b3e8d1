import MillracePrimitives
import Testing

@Suite("Base 64")
struct Base64Tests {
    @Test(
        "bytes are written as RFC 4648 says, and read back",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func examples(_ plain: String, _ encoded: String) {
        let bytes = Array(plain.utf8)
        #expect(bytes.withUnsafeBytes { Base64.encode($0) } == encoded)
        #expect(Base64.decode(encoded) == bytes)
        #expect(Base64.encodedCount(ofBytes: bytes.count) == encoded.utf8.count)
    }

    @Test("every byte comes back")
    func everyByte() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Base64.decode(bytes.withUnsafeBytes { Base64.encode($0) }) == bytes)
    }

    @Test(
        "what is not base 64 is refused",
        arguments: ["Zg=", "Zg", "Z", "Zm8", "Zm9v=", "=Zm9", "Zm 9", "Zm-_", "Zh==", "Zm9=", "Zg==Zg=="]
    )
    func refuses(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
