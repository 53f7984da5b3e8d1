import Testing

@Suite struct LayerTableTests {
    private let table = LayerTable(
        SourceText(
            path: LayerTable.path,
            text: """
                # The modules

                | folder | role | may import |
                |---|---|---|
                | `CPlatform` | the system | - |
                | `Primitives` | bytes | `CPlatform`, `Glibc` |
                | `Streams` | the DSL | `Primitives`, `Logging` |
                | `Examples/*` | applications | `Streams` |
                """
        )
    )

    private func check(_ path: String, _ text: String) -> [String] {
        table.checkImports([SourceText(path: path, text: text)]).map(\.description)
    }

    @Test("the rows are read from the table") func rows() {
        #expect(table.rows.map(\.folder) == ["CPlatform", "Primitives", "Streams", "Examples/*"])
        #expect(table.rows[0].imports.isEmpty)
        #expect(table.rows[2].imports == ["Primitives", "Logging"])
    }

    @Test(
        "an import that the row names passes",
        arguments: [
            "import MillracePrimitives", "private import Logging", "@preconcurrency public import Logging",
            "import struct Logging.Logger", "// import NIOCore", "let text = \"import NIOCore\"", "let important = 1",
        ]
    ) func allowed(line: String) {
        #expect(check("Sources/Streams/A.swift", line) == [])
    }

    @Test(
        "an import that the row does not name is found",
        arguments: [
            "import NIOCore", "import CMillracePlatform", "package import NIOCore", "@testable import NIOCore",
            "#if true\nimport NIOCore\n#endif", "    import class NIOCore.Channel", "import Glibc",
        ]
    ) func refused(text: String) {
        #expect(check("Sources/Streams/A.swift", text).count == 1)
    }

    @Test("the C library goes by one name") func cLibrary() {
        let text = "import CMillracePlatform\nimport Musl\nimport Darwin\nimport Glibc"
        #expect(check("Sources/Primitives/A.swift", text) == [])
    }

    @Test("the message names file, line and remedy") func message() {
        #expect(
            check("Sources/Primitives/A.swift", "\nimport MillraceStreams") == [
                "Sources/Primitives/A.swift:2: Primitives may not import Streams (Sources/README.md); take what it gives"
                    + " as a parameter, or move the code to a module that may"
            ]
        )
    }

    @Test("examples share one row") func examples() {
        #expect(check("Examples/WordCount/Main.swift", "import MillraceStreams") == [])
        #expect(check("Examples/WordCount/Main.swift", "import MillracePrimitives").count == 1)
    }

    @Test("a folder without a row is found, and a row without a folder") func folders() {
        #expect(check("Sources/Unknown/A.swift", "").count == 1)
        #expect(table.checkFolders(["CPlatform", "Primitives", "Streams"]) == [])
        let messages = table.checkFolders(["CPlatform", "Primitives", "Unknown"]).map(\.message)
        #expect(messages == ["Sources/Unknown has no row; add one", "there is no Sources/Streams; remove the row"])
    }

    @Test("a row that imports from below is found, and a second row of a folder") func order() {
        #expect(table.checkOrder() == [])
        let upwards = LayerTable(
            SourceText(path: LayerTable.path, text: "| `A` | x | `B` |\n| `B` | y | - |\n| `B` | z | - |")
        )
        #expect(upwards.checkOrder().map(\.line) == [1, 3])
    }

    private let manifest = #"""
        let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
        let collections: [Target.Dependency] = [
            .product(name: "DequeModule", package: "swift-collections"),
            .product(name: "HeapModule", package: "swift-collections"),
        ]
        func module(_ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
            .target(name: "Millrace\(folder)", dependencies: dependencies, path: "Sources/\(folder)")
        }
        let package = Package(
            products: [.library(name: "Millrace", targets: ["Millrace"])],
            targets: [
                .target(name: "CMillracePlatform", path: "Sources/CPlatform"),
                module("Primitives", ["CMillracePlatform"]), // not "MillraceStreams"
                module(
                    "Streams",
                    ["MillracePrimitives", logging] + collections
                ),
                .executableTarget(name: "demo", dependencies: ["MillraceStreams"], path: "Examples/Demo"),
                tests("StreamsTests", ["MillraceStreams"]),
                .executableTarget(name: "helper", dependencies: ["MillraceStreams"], path: "Tests/Helper"),
            ]
        )
        """#

    @Test("the manifest's targets are read with their dependencies") func targets() {
        let targets = Manifest(manifest).targets
        #expect(targets.map(\.path) == ["Sources/CPlatform", "Sources/Primitives", "Sources/Streams", "Examples/Demo"])
        #expect(
            targets.map(\.dependencies) == [
                [], ["CMillracePlatform"], ["MillracePrimitives", "Logging", "DequeModule", "HeapModule"],
                ["MillraceStreams"],
            ]
        )
    }

    @Test("a dependency that the row does not name is found, and a target that is missing or has no row")
    func manifestDiffers() {
        let messages = table.checkManifest(Manifest(manifest).targets).map(\.description)
        #expect(
            messages == [
                "Package.swift:14: Streams may not import DequeModule (Sources/README.md); drop the dependency",
                "Package.swift:14: Streams may not import HeapModule (Sources/README.md); drop the dependency",
            ]
        )
        let other = table.checkManifest([Manifest.Target(path: "Sources/Unknown", dependencies: [], line: 4)])
        #expect(other.map(\.line) == [5, 5, 6, 7])
    }
}
