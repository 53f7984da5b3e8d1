// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "millrace-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "millrace", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // The floor is optimised in every configuration: a slow floor would flatter what is measured against it.
        .target(name: "CFloor", cSettings: [.unsafeFlags(["-O3"])]),
        .target(
            name: "Workloads",
            dependencies: [.product(name: "Millrace", package: "millrace")],
            swiftSettings: strict
        ),
        .target(
            name: "Measuring",
            dependencies: [
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Millrace", package: "millrace"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Nexmark",
            dependencies: [
                .product(name: "Millrace", package: "millrace"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "NexmarkBatch",
            dependencies: ["Nexmark", .product(name: "Millrace", package: "millrace")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "nexmark-bench",
            dependencies: [
                "Measuring", "Nexmark", "NexmarkBatch", .product(name: "Millrace", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "NexmarkTests",
            dependencies: [
                "Nexmark", "NexmarkBatch", .product(name: "Millrace", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "hot-paths",
            dependencies: [
                "Workloads", .product(name: "Millrace", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "millrace-bench",
            dependencies: [
                "CFloor", "Measuring", "Workloads", .product(name: "Millrace", package: "millrace"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "MeasuringTests", dependencies: ["Measuring"], swiftSettings: strict),
        .executableTarget(
            name: "Engine",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Millrace", package: "millrace"),
            ],
            path: "Benchmarks/Engine",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
