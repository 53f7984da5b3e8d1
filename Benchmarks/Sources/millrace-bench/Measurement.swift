import Workloads

/// One thing that is measured: what is done, what is promised, and with what.
struct Measurement: Hashable {
    /// What is done.
    enum Subject: Hashable {
        /// The workload by hand in C.
        case floor(Workload)
        case application(Workload)
        case engine(EngineWorkload)
        case restore
    }

    var subject: Subject
    var promise: Promise = .none
    var threads = 1
    /// 0 if nothing is committed.
    var commitMs: Int64 = 0

    var workload: String {
        switch subject {
        case .floor(let workload): workload.rawValue
        case .application(let workload): workload.rawValue
        case .engine(let workload): workload.rawValue
        case .restore: "restore"
        }
    }

    var isFloor: Bool { if case .floor = subject { true } else { false } }

    /// What is promised, for people and for the file.
    var guarantee: String {
        switch subject {
        case .floor: "floor"
        case .application: promise.rawValue
        case .engine, .restore: "-"
        }
    }
}

/// What an application promises in a measurement.
enum Promise: String, CaseIterable {
    case exactlyOnce
    case atLeastOnce
    /// No commit until the end.
    case none
}

/// One timed run.
struct Sample {
    var seconds: Double
    /// Of all threads.
    var cpuSeconds: Double
    /// The most memory that the process had in use.
    var peakBytes: Int
    var commits: Int
    var records: Int

    var recordsPerSecond: Double { Double(records) / max(seconds, 1e-9) }
}

/// The runs of one measurement.
struct Samples {
    var all: [Sample] = []

    /// The run in the middle by speed.
    var median: Sample? { sorted.isEmpty ? nil : sorted[sorted.count / 2] }
    var slowest: Sample? { sorted.first }
    var fastest: Sample? { sorted.last }

    private var sorted: [Sample] { all.sorted { $0.recordsPerSecond < $1.recordsPerSecond } }
}

/// A measurement with its runs, beside the floor of the same session.
struct Outcome {
    var measurement: Measurement
    var samples: Samples
    /// The median of the floor's runs, if the workload has a floor.
    var floor: Sample?

    /// How much of the floor's speed is reached; nil without a floor.
    var ratioToFloor: Double? {
        guard let floor, let median = samples.median else { return nil }
        return median.recordsPerSecond / floor.recordsPerSecond
    }

    /// How far the fastest and the slowest run are apart, in parts of the median.
    var spread: Double {
        guard let median = samples.median, let slowest = samples.slowest, let fastest = samples.fastest else {
            return 0
        }
        return (fastest.recordsPerSecond - slowest.recordsPerSecond) / median.recordsPerSecond
    }
}
