/// What names of topics, stores and operators may be made of: Kafka's rule for topics.
public enum NameRule {
    /// The longest name.
    public static let maximumLength = 249

    /// What is wrong with a name; nil if it is fine.
    public static func problem(with name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name == "." || name == ".." { return "it stands for a directory" }
        if name.utf8.count > maximumLength {
            return "it has \(name.utf8.count) characters, \(maximumLength) are allowed"
        }
        let isAllowed: (UInt8) -> Bool = { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return name.utf8.allSatisfy(isAllowed) ? nil : "only letters, digits, '.', '_' and '-' are allowed"
    }
}
