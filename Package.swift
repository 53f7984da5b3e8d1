// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built with the same settings: a warning is an error, and an existential says `any`.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let collections: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections"),
    .product(name: "HeapModule", package: "swift-collections"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A module `Millrace<folder>` in `Sources/<folder>`.
func module(_ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: "Millrace\(folder)", dependencies: dependencies, path: "Sources/\(folder)", swiftSettings: strict)
}

/// An example: a program of its own in a folder of `Examples`.
func example(_ name: String, _ folder: String) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Millrace", "MillraceFoundationSerdes", "ExampleSupport", arguments],
        path: "Examples/\(folder)",
        swiftSettings: strict
    )
}

/// The tests in a folder of `Tests`.
func tests(_ folder: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: folder,
        dependencies: dependencies,
        path: "Tests/\(folder)",
        exclude: exclude,
        swiftSettings: strict
    )
}

let package = Package(
    name: "millrace",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Millrace", targets: ["Millrace"]),
        .library(name: "MillraceFoundationSerdes", targets: ["MillraceFoundationSerdes"]),
        .executable(name: "millrace", targets: ["MillraceCommand"]),
        .library(name: "MillraceSimulationKit", targets: ["MillraceSimulationKit"]),
        .library(name: "MillraceTestKit", targets: ["MillraceTestKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C
        .target(name: "CMillracePlatform", path: "Sources/CPlatform"),
        .systemLibrary(
            name: "CMillraceZlib",
            path: "Sources/CZlib",
            pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"])]
        ),
        .systemLibrary(
            name: "CMillraceZstd",
            path: "Sources/CZstd",
            pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"])]
        ),
        .systemLibrary(
            name: "CMillraceLZ4",
            path: "Sources/CLZ4",
            pkgConfig: "liblz4",
            providers: [.apt(["liblz4-dev"])]
        ),
        .systemLibrary(
            name: "CMillraceSnappy",
            path: "Sources/CSnappy",
            pkgConfig: "snappy",
            providers: [.apt(["libsnappy-dev"])]
        ),

        // Pure
        module("Primitives", ["CMillracePlatform"]),
        module(
            "RecordFormat",
            [
                "MillracePrimitives", "CMillracePlatform", "CMillraceZlib", "CMillraceZstd", "CMillraceLZ4",
                "CMillraceSnappy",
            ]
        ),
        module("Coordination", ["MillracePrimitives"]),

        // Storage
        module("FileIO", ["MillracePrimitives", "CMillracePlatform", system]),
        module(
            "LogStorage",
            ["MillracePrimitives", "MillraceRecordFormat", "MillraceFileIO", system] + collections
        ),
        module("StateStores", ["MillracePrimitives", "CMillracePlatform"]),

        // Engine and clients
        module(
            "LogEngine",
            [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceCoordination", "MillraceFileIO",
                "MillraceLogStorage", logging, metrics,
            ] + collections
        ),
        module("LogClient", ["MillracePrimitives", "MillraceRecordFormat", logging] + collections),
        module(
            "EmbeddedClient",
            [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceCoordination", "MillraceLogStorage",
                "MillraceLogEngine", "MillraceLogClient", logging,
            ] + collections
        ),

        // Streams
        module("Topology", ["MillracePrimitives"]),
        module(
            "StreamsRuntime",
            [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceStateStores", "MillraceLogClient",
                "MillraceTopology", logging, metrics, lifecycle,
            ] + collections
        ),
        module(
            "Streams",
            [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceStateStores", "MillraceLogClient",
                "MillraceTopology", "MillraceStreamsRuntime",
            ] + collections
        ),
        module("FoundationSerdes", ["MillracePrimitives", "MillraceStreams"]),
        .target(
            name: "Millrace",
            dependencies: [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceLogEngine", "MillraceLogClient",
                "MillraceEmbeddedClient", "MillraceTopology", "MillraceStreamsRuntime", "MillraceStreams",
            ],
            path: "Sources/Millrace",
            swiftSettings: strict
        ),

        // Tools
        .executableTarget(
            name: "MillraceCommand",
            dependencies: [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceCoordination", "MillraceFileIO",
                "MillraceLogStorage", "MillraceLogEngine", "MillraceLogClient", "MillraceEmbeddedClient",
                "MillraceStreamsRuntime", arguments, logging, system,
            ],
            path: "Sources/Command",
            swiftSettings: strict
        ),

        // Test kits
        module("SimulationKit", ["MillracePrimitives", "MillraceFileIO", system]),
        module(
            "TestKit",
            [
                "MillracePrimitives", "MillraceRecordFormat", "MillraceLogClient", "MillraceTopology",
                "MillraceStreamsRuntime", "MillraceStreams", logging,
            ]
        ),

        // Examples
        .executableTarget(
            name: "word-count",
            dependencies: [
                "Millrace", arguments, logging, lifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Examples/WordCount",
            swiftSettings: strict
        ),
        .target(
            name: "ExampleSupport",
            dependencies: [
                "Millrace", arguments, logging,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Examples/Support",
            swiftSettings: strict
        ),
        example("page-views", "PageViews"),
        example("fraud-detection", "FraudDetection"),
        example("ticket-booking", "TicketBooking"),
        example("trending-items", "TrendingItems"),
        example("sensor-cleaning", "SensorCleaning"),
        example("slow-enrichment", "SlowEnrichment"),

        // The simulation: a library that its tests and `make simulate` share
        .target(
            name: "MillraceSimulation",
            dependencies: [
                "MillraceEmbeddedClient", "MillraceLogClient", "MillraceLogEngine", "MillraceLogStorage",
                "MillraceRecordFormat", "MillraceFileIO", "MillraceSimulationKit", "MillracePrimitives", logging,
                system,
            ],
            path: "Tests/Simulation",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["MillraceSimulation", "MillraceLogStorage", arguments],
            path: "Tests/Simulate",
            swiftSettings: strict
        ),

        // Tests
        tests("PrimitivesTests", ["MillracePrimitives"]),
        .target(
            name: "KafkaFixtures",
            path: "Tests/KafkaFixtures",
            exclude: ["Partitions", "README.md"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "conformance-log",
            dependencies: [
                "KafkaFixtures", "MillraceLogStorage", "MillraceRecordFormat", "MillraceFileIO",
                "MillraceSimulationKit", "MillracePrimitives", system,
            ],
            path: "Tests/ConformanceLog",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "conformance-streams",
            dependencies: ["Millrace", "MillraceTestKit"],
            path: "Tests/ConformanceStreams",
            exclude: ["Cases"],
            swiftSettings: strict
        ),
        tests(
            "ManualTests",
            [
                "Millrace", "MillraceFoundationSerdes", "MillraceTestKit", lifecycle, logging,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),
        tests("TestKitTests", ["Millrace", "MillraceTestKit", "conformance-streams"]),
        tests("RecordFormatTests", ["MillraceRecordFormat", "MillracePrimitives", "KafkaFixtures"]),
        tests("CoordinationTests", ["MillraceCoordination", "MillracePrimitives"]),
        tests("FileIOTests", ["MillraceFileIO", "MillraceSimulationKit", "MillracePrimitives", system]),
        tests(
            "LogStorageTests",
            [
                "MillraceLogStorage", "MillraceRecordFormat", "MillraceFileIO", "MillraceSimulationKit",
                "MillracePrimitives", "KafkaFixtures", system,
            ]
        ),
        tests("StateStoresTests", ["MillraceStateStores", "MillracePrimitives"]),
        tests(
            "LogEngineTests",
            [
                "MillraceLogEngine", "MillraceLogStorage", "MillraceCoordination", "MillraceRecordFormat",
                "MillraceEmbeddedClient", "MillraceLogClient", "MillraceFileIO", "MillraceSimulationKit",
                "MillracePrimitives", logging, system,
            ]
        ),
        tests(
            "ClientTests",
            [
                "MillraceEmbeddedClient", "MillraceLogClient", "MillraceLogEngine", "MillraceLogStorage",
                "MillraceCoordination", "MillraceRecordFormat", "MillraceFileIO", "MillraceSimulationKit",
                "MillracePrimitives", system,
            ]
        ),
        tests(
            "SimulationTests",
            ["MillraceSimulation", "MillraceLogStorage", "MillraceSimulationKit", "MillracePrimitives"]
        ),
        tests("TopologyTests", ["MillraceTopology", "MillracePrimitives"]),
        tests(
            "StreamsTests",
            [
                "Millrace", "MillraceFileIO", "MillraceFoundationSerdes", "MillraceLogEngine", "MillraceLogStorage",
                "MillracePrimitives", "MillraceSimulationKit", lifecycle, logging, system,
            ]
        ),
        tests(
            "CompatibilityTests",
            [
                "KafkaFixtures", "conformance-log", "MillraceLogStorage", "MillraceRecordFormat", "MillraceFileIO",
                "MillraceSimulationKit", "MillracePrimitives", system,
            ],
            exclude: ["read_partition.py", "requirements.txt"]
        ),
        tests(
            "EndToEndTests",
            [
                "Millrace", "MillraceSimulationKit", "word-count", "page-views", "fraud-detection", "ticket-booking",
                "trending-items", "sensor-cleaning", "slow-enrichment",
            ]
        ),
        tests("CommandTests", ["Millrace", "MillraceCommand"]),
        tests("TidyTests"),
    ],
    swiftLanguageModes: [.v6]
)
