/// A piece of HTML or SVG, in the form of XML: made of elements only, so that what comes out is well-formed whatever text
/// is in it.
package struct Markup: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, Sendable {
    /// The piece as it is written.
    package let source: String

    private init(source: String) { self.source = source }

    /// A text.
    package init(_ text: String) { source = Self.escaped(text) }

    /// A text.
    package init(stringLiteral text: String) { self.init(text) }

    /// An element.
    package init(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ children: [Markup] = []) {
        let attributes = attributes.map { " \($0.key)=\"\(Self.escaped($0.value))\"" }.joined()
        source =
            children.isEmpty && Self.canBeEmpty.contains(name)
            ? "<\(name)\(attributes)/>"
            : "<\(name)\(attributes)>\(children.map(\.source).joined())</\(name)>"
    }

    /// The same with another piece behind it.
    package static func + (left: Markup, right: Markup) -> Markup { Markup(source: left.source + right.source) }

    /// A page that holds this element.
    package var document: String { "<!DOCTYPE html>\n\(source)\n" }

    /// The elements that HTML lets be written without an end.
    private static let canBeEmpty: Set<String> = ["meta", "br", "hr", "line", "path", "circle", "rect", "polygon"]

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\t", "\n": escaped.unicodeScalars.append(scalar)
            // Characters that a page cannot hold, however they are written.
            case "\u{0}"..<" ", "\u{7f}"..<"\u{a0}", "\u{fffe}"..."\u{ffff}": escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
