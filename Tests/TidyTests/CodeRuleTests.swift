import Testing

@Suite struct CodeRuleTests {
    private func source(_ text: String, in folder: String = "Streams") -> [SourceText] {
        [SourceText(path: "Sources/\(folder)/A.swift", text: text)]
    }

    @Test("comments and string literals are not code, what is interpolated is") func scanner() {
        let text = #"""
            let a = "x // y" // try! one
            let b = "\(f("z")) try! two" /* three /* four */
            five */ + c
            """#
        let file = SourceText(path: "A.swift", text: text)
        #expect(file.code[0].trimmed == "let a = \"      \"")
        #expect(file.code[1].contains("(f(\" \"))"))
        #expect(!file.code[1].contains("try!") && !file.code[1].contains("three"))
        #expect(file.code[2].trimmed == "+ c")
        #expect(file.comments[0].trimmed == "// try! one")
        #expect(file.comments[2].trimmed == "five */")
    }

    @Test("literals of several lines and raw literals are not code") func literals() {
        let text = "let a = \"\"\"\n  try! \"quoted\"\n  \"\"\" + b\nlet c = #\"a \" try!\"# + d"
        let file = SourceText(path: "A.swift", text: text)
        #expect(file.code[1].trimmed.isEmpty)
        #expect(file.code[2].trimmed == "\"\"\" + b")
        #expect(file.code[3].hasSuffix("\"# + d") && !file.code[3].contains("try!"))
    }

    @Test(
        "what asks the system for the time, randomness, files or the environment is found",
        arguments: [
            "let now = ContinuousClock().now", "let now = Date()", "clock_gettime(CLOCK_REALTIME, &now)",
            "try await Task.sleep(for: .seconds(1))", "usleep(10)", "var generator = SystemRandomNumberGenerator()",
            "let dice = Int.random(in: 1...6)", "let one = list.randomElement()", "let id = UUID()",
            "list.shuffle()", "Int.random(\n    in: f(1)...6\n)", "let file = FileHandle.standardInput",
            "pread(file, bytes, 10, 0)", "let home = getenv(\"HOME\")", "import Glibc\nlet file = open(path, 0)",
        ]
    ) func world(text: String) {
        #expect(InjectedWorld.check(source(text)).count == 1)
    }

    @Test(
        "what takes them as parameters passes",
        arguments: [
            "let now = time.milliseconds", "let dice = Int.random(in: 1...6, using: &generator)",
            "list.shuffled(\n    using: &generator\n)", "try log.open(path)", "let broker = open(path)",
            "func open(_ path: FilePath) {}", "import Glibc\nfunc read(into buffer: Int) {}", "// Date() is not asked",
            "let update = Update()", "await task.sleepUntilWoken()",
        ]
    ) func injected(text: String) {
        #expect(InjectedWorld.check(source(text)) == [])
    }

    @Test("each of them has a module that may") func allowed() {
        #expect(InjectedWorld.check(source("clock_gettime(CLOCK_REALTIME, &now)", in: "Primitives")) == [])
        #expect(InjectedWorld.check(source("import Glibc\nopen(path, 0)", in: "FileIO")) == [])
        #expect(InjectedWorld.check(source("getenv(name)", in: "SimulationKit")) == [])
        #expect(InjectedWorld.check(source("usleep(1)", in: "Primitives")).count == 1)
        #expect(InjectedWorld.check(source("clock_gettime(a, &b)", in: "FileIO")).count == 1)
    }

    @Test(
        "a shortcut that traps is found",
        arguments: [
            "try! open()", "fatalError(\"no\")", "let a = b as! C", "let a = b!", "let a = list.first!.name",
            "f()! + 1", "list[0]!.name", "var a: Int!", "\"\\(value!)\"",
        ]
    ) func traps(text: String) {
        #expect(SafeCode.checkTraps(source(text)).count == 1)
    }

    @Test(
        "other uses of the exclamation mark pass",
        arguments: [
            "if !isOpen {}", "if a != b {}", "if a!=b {}", "f(!a)", "[!a]", "let a = \"no!\"", "// never!", "try? f()",
            "#if !os(Linux)",
        ]
    ) func exclamations(text: String) {
        #expect(SafeCode.checkTraps(source(text)) == [])
    }

    @Test("unchecked state passes with its owner named within three lines") func unchecked() {
        let bare = "final class A: @unchecked Sendable {}\nnonisolated(unsafe) var b = 0"
        #expect(SafeCode.checkUnchecked(source(bare)).map(\.line) == [1, 2])
        let owned = "// The lock owns `count`.\nfinal class A: @unchecked Sendable {}"
        #expect(SafeCode.checkUnchecked(source(owned)) == [])
        let far = "// The lock owns `count`.\n\n\n\nfinal class A: @unchecked Sendable {}"
        #expect(SafeCode.checkUnchecked(source(far)).count == 1)
        let blocked = "// Blocks nothing.\nfinal class A: @unchecked Sendable {}"
        #expect(SafeCode.checkUnchecked(source(blocked)).count == 1)
    }

    @Test("printing is found, a method of that name passes") func printing() {
        #expect(SafeCode.checkPrinting(source("print(1)\n    debugPrint(2)")).map(\.line) == [1, 2])
        #expect(SafeCode.checkPrinting(source("stream.print(1)\nfunc print(to: Int) {}\nfingerprint(1)")) == [])
    }

    @Test("Foundation is found, but not in its own module") func foundation() {
        #expect(SafeCode.checkFoundation(source("import Foundation")).count == 1)
        #expect(SafeCode.checkFoundation(source("private import FoundationEssentials")).count == 1)
        #expect(SafeCode.checkFoundation(source("import FoundationEssentials", in: "FoundationSerdes")) == [])
    }

    @Test("the message names file, line, rule and remedy") func message() {
        #expect(
            InjectedWorld.check(source("\nlet now = Date()")).map(\.description) == [
                "Sources/Streams/A.swift:2: `Date(` asks for the time, which only Primitives may; take a TimeSource"
            ]
        )
    }
}
