import ArgumentParser

/// Settings as they are given on the command line.
enum Settings {
    /// `name=value` texts by name.
    static func parse(_ texts: [String]) throws -> [String: String] {
        var settings: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ValidationError("\"\(text)\" is no setting: write it as name=value.")
            }
            settings[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return settings
    }
}
