/// Time, randomness, files and the environment enter through parameters: each has one module that asks the system.
enum InjectedWorld {
    struct Rule {
        var what: String
        /// The modules, by folder in `Sources`, that may.
        var allowedIn: Set<String>
        var tokens: [String]
        /// Names that others use too: they count where the C library is imported.
        var functionsOfC: [String] = []
        var remedy: String
    }

    static let rules = [
        Rule(
            what: "asks for the time",
            allowedIn: ["Primitives"],
            tokens: [
                "clock_gettime(", "gettimeofday(", "ContinuousClock", "SuspendingClock", "DispatchTime",
                "DispatchWallTime", "Date(", "Date.now", "ProcessInfo",
            ],
            functionsOfC: ["time(", "clock("],
            remedy: "take a TimeSource"
        ),
        Rule(
            what: "sleeps",
            allowedIn: [],
            tokens: ["Task.sleep", "Thread.sleep", "usleep(", "nanosleep(", "clock_nanosleep("],
            functionsOfC: ["sleep("],
            remedy: "wait on a Condition or a Wakeup, with a deadline of the TimeSource"
        ),
        Rule(
            what: "draws randomness",
            allowedIn: ["Primitives"],
            tokens: [
                "SystemRandomNumberGenerator", "arc4random", "arc4random_uniform", "getrandom(", "getentropy(",
                "UUID()",
            ],
            functionsOfC: ["random(", "rand(", "drand48("],
            remedy: "take a RandomNumberGenerator"
        ),
        Rule(
            what: "reaches for a file",
            allowedIn: ["FileIO"],
            tokens: [
                "openat(", "pread(", "pwrite(", "pwritev(", "preadv(", "fopen(", "fdatasync(", "fsync(", "ftruncate(",
                "opendir(", "readdir(", "mmap(", "FileManager", "FileHandle", "FileDescriptor",
            ],
            functionsOfC: [
                "open(", "creat(", "read(", "write(", "stat(", "fstat(", "lstat(", "rename(", "unlink(", "remove(",
                "mkdir(", "rmdir(", "flock(", "link(", "symlink(",
            ],
            remedy: "take a FileSystem"
        ),
        Rule(
            what: "reads the environment",
            allowedIn: ["SimulationKit"],
            tokens: ["getenv(", "setenv(", "secure_getenv(", "CommandLine.arguments"],
            remedy: "take a setting"
        ),
    ]

    /// The command stands at the edge, where the world is handed in.
    static func check(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift && $0.isIn("Sources/") && !$0.isIn("Sources/Command/") }.flatMap { file in
            rules.flatMap { rule in check(file, rule) } + checkUnseeded(file)
        }
    }

    private static func check(_ file: SourceText, _ rule: Rule) -> [Violation] {
        if rule.allowedIn.contains(where: { file.isIn("Sources/\($0)/") }) { return [] }
        let importsC = file.imports.contains { LayerTable.name(ofModule: $0.module) == "Glibc" }
        let tokens = importsC ? rule.tokens + rule.functionsOfC : rule.tokens
        let folders = rule.allowedIn.isEmpty ? "nothing" : "only " + rule.allowedIn.sorted().joined(separator: ", ")
        return tokens.flatMap { token in
            file.linesOfCode(with: token).map {
                file.violation($0, "`\(token)` \(rule.what), which \(folders) may; \(rule.remedy)")
            }
        }
    }

    /// The standard library's random operations without `using:` draw from the system.
    private static func checkUnseeded(_ file: SourceText) -> [Violation] {
        let calls = [".random(", ".randomElement(", ".shuffle(", ".shuffled("]
        return calls.flatMap { call in
            file.linesOfCode(with: call).compactMap { number in
                let statement = file.code[number...].prefix(8).joined(separator: " ")
                guard let start = statement.occurrences(of: call).first,
                    !statement.argument(from: start + call.utf8.count).contains("using:")
                else { return nil }
                return file.violation(number, "`\(call))` draws randomness from the system; pass `using:` a generator")
            }
        }
    }
}

extension String {
    /// The text from an offset in UTF-8 up to the parenthesis that closes the one before it.
    fileprivate func argument(from start: Int) -> String {
        var depth = 1
        let rest = utf8.dropFirst(start).prefix { byte in
            if byte == UInt8(ascii: "(") { depth += 1 }
            if byte == UInt8(ascii: ")") { depth -= 1 }
            return depth > 0
        }
        return String(decoding: rest, as: UTF8.self)
    }
}
