import Foundation

/// A directory that goes away with the value.
final class TemporaryDirectory {
    let path = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
