import Foundation

/// The files of this repository: those that are tracked, and those that would be if they were added now.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The paths of all files, sorted.
    static let paths: [String] = {
        let listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z") ?? walk()
        return Set(listed).filter { FileManager.default.fileExists(atPath: root.appending(path: $0).path) }.sorted()
    }()

    /// The paths that git tracks; all of them if this is no git checkout.
    static let tracked: [String] = git("ls-files", "--cached", "-z") ?? paths

    /// All files that are text.
    static let files: [SourceText] = paths.compactMap { path in
        guard let data = try? Data(contentsOf: root.appending(path: path)), !data.contains(0),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        return SourceText(path: path, text: text)
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    /// The names of the folders in a folder.
    static func folders(in path: String) -> [String] {
        let prefix = path + "/"
        return Set(
            paths.compactMap { file in
                guard file.hasPrefix(prefix) else { return nil }
                let parts = file.dropFirst(prefix.count).split(separator: "/")
                return parts.count > 1 ? String(parts[0]) : nil
            }
        ).sorted()
    }

    private static func git(_ arguments: String...) -> [String]? {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["git", "-c", "safe.directory=*", "-C", root.path] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        guard (try? process.run()) != nil else { return nil }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\0").map(String.init)
    }

    /// For a copy without git: everything but what is hidden or built.
    private static func walk() -> [String] {
        let everything = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return everything.filter { path in
            !path.split(separator: "/").contains { $0.hasPrefix(".") } && path != "Package.resolved"
        }
    }
}
