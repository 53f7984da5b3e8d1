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

    /// How often it is run at most: what takes long is run less often.
    var repetitionsMax: Int { subject == .application(.wordcount) ? 3 : .max }

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
