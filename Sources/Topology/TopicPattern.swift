import Synchronization

/// Which topics a source reads, where it does not name them: those that there are, and those that are made later. What
/// Kafka Streams takes a `java.util.regex.Pattern` for.
///
///     builder.stream(matching: .prefix("orders-"), keys: .utf8, values: .utf8)
///     builder.stream(matching: .regex("orders-[0-9]{4}"), keys: .utf8, values: .utf8)
public struct TopicPattern: Sendable, Hashable, CustomStringConvertible {
    /// The text, which says all about the pattern.
    private enum Form: Sendable, Hashable {
        case prefix(String)
        case regex(String)
    }

    private let form: Form
    /// Nil for a prefix, and for what is no regular expression.
    private let expression: Expression?
    /// What is wrong with the pattern; nil if nothing is.
    let problem: String?

    private init(_ form: Form, _ expression: Expression? = nil, problem: String? = nil) {
        self.form = form
        self.expression = expression
        self.problem = problem
    }

    /// All topics whose name begins so; the empty text is that of every name.
    public static func prefix(_ text: String) -> TopicPattern { TopicPattern(.prefix(text)) }

    /// All topics whose whole name fits a regular expression, in Swift's syntax. One that cannot be read is reported by
    /// `build()`.
    public static func regex(_ text: String) -> TopicPattern {
        do {
            return TopicPattern(.regex(text), Expression(try Regex(text)))
        } catch {
            return TopicPattern(.regex(text), problem: "\(error)")
        }
    }

    /// Whether a topic's name fits.
    public func matches(_ topic: String) -> Bool {
        switch form {
        case .prefix(let prefix): topic.hasPrefix(prefix)
        case .regex: expression?.matches(topic) ?? false
        }
    }

    /// Whether some name fits both, as far as that is seen without one.
    func overlaps(_ other: TopicPattern) -> Bool {
        switch (form, other.form) {
        case (.prefix(let left), .prefix(let right)): left.hasPrefix(right) || right.hasPrefix(left)
        case (.regex(let left), .regex(let right)): left == right
        case (.prefix, .regex), (.regex, .prefix): false
        }
    }

    /// The prefix with a star after it, or the regular expression between slashes.
    public var description: String {
        switch form {
        case .prefix(let text): "\(text)*"
        case .regex(let text): "/\(text)/"
        }
    }

    /// What the names of operators and stores behind the pattern begin with: what of it can be in a name.
    var nameBase: String {
        let text =
            switch form {
            case .prefix(let text): text
            case .regex(let text): text
            }
        let kept = text.unicodeScalars.filter {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains($0))
        }
        let isEdge: (Unicode.Scalar) -> Bool = { "._-".unicodeScalars.contains($0) }
        let base = kept.drop(while: isEdge).reversed().drop(while: isEdge).reversed()
        return base.isEmpty ? "matching" : String(String.UnicodeScalarView(base))
    }

    /// By the text.
    public static func == (left: TopicPattern, right: TopicPattern) -> Bool { left.form == right.form }

    /// By the text.
    public func hash(into hasher: inout Hasher) { hasher.combine(form) }

    /// A compiled regular expression, which only one thread at a time may use.
    private final class Expression: Sendable {
        private let regex: Mutex<Regex<AnyRegexOutput>>

        init(_ regex: sending Regex<AnyRegexOutput>) {
            self.regex = Mutex(regex)
        }

        func matches(_ text: String) -> Bool {
            regex.withLock { regex in
                // What fails while it is matched, such as one with too much to try, fits nothing.
                ((try? regex.wholeMatch(in: text)) ?? nil) != nil
            }
        }
    }
}
