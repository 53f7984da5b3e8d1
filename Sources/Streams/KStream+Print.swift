import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Writes each record as a line and ends there: for a look at a topology that is being made. A line is
    /// `label: key, value`, with `null` for nil.
    ///
    /// - Parameters:
    ///   - label: what the lines begin with; nil for the operator's name.
    ///   - name: the operator's name.
    ///   - write: takes a line, such as `{ print($0) }`; nil for the application's logger, at the level `info`.
    public func print(
        _ label: String? = nil,
        named name: String? = nil,
        to write: (@Sendable (_ line: String) -> Void)? = nil
    ) {
        let name = assembly.name(of: assembly.add("print", named: name, after: [node]))
        let label = label ?? name
        port.add { context in
            Out { [unowned context] key, value, _ in
                let line = "\(label): \(Self.text(key)), \(Self.text(value))"
                if let write { write(line) } else { context.log(line) }
            }
        }
    }

    private static func text<Part>(_ part: Part) -> String {
        (part as? any OptionalValue)?.text ?? "\(part)"
    }
}
