import Foundation

/// The text that the user named: files, folders with everything in them, or `-` for standard input.
enum InputFiles {
    /// The paths to read, in order; folders are replaced by their files, sorted by name.
    static func expand(_ inputs: [String]) throws -> [String] {
        var paths: [String] = []
        for input in inputs {
            if input == "-" {
                paths.append(input)
                continue
            }
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: input, isDirectory: &isDirectory) else {
                throw InputError.missing(input)
            }
            guard isDirectory.boolValue else {
                paths.append(absolute(input))
                continue
            }
            // Folders may hold the same text twice, under a second name that is a symbolic link.
            var seen: Set<String> = []
            for name in try FileManager.default.subpathsOfDirectory(atPath: input).sorted() {
                let path = URL(fileURLWithPath: absolute(input)).appendingPathComponent(name).path
                let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: resolved, isDirectory: &isFolder), !isFolder.boolValue,
                    seen.insert(resolved).inserted
                else { continue }
                paths.append(resolved)
            }
        }
        return paths
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

/// What is wrong with an input.
enum InputError: Error, CustomStringConvertible {
    case missing(String)
    case unreadable(String, String)

    var description: String {
        switch self {
        case .missing(let path): "there is no file or folder \(path)"
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        }
    }
}
