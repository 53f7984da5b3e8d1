import SystemPackage

/// Something about the files of a data directory that is not as it should be.
package struct Finding: Hashable, Sendable {
    /// How bad it is.
    package enum Severity: String, Hashable, Sendable, Comparable {
        /// Nothing is wrong; worth knowing.
        case notice
        /// Opening the directory puts it right, and nothing that was acknowledged is lost.
        case repairable
        /// Records cannot be read.
        case damage

        package static func < (left: Severity, right: Severity) -> Bool {
            left.rank < right.rank
        }

        private var rank: Int {
            switch self {
            case .notice: 0
            case .repairable: 1
            case .damage: 2
            }
        }
    }

    package var severity: Severity
    /// The file or directory.
    package var path: FilePath
    /// What is the matter.
    package var problem: String
    /// What to do.
    package var advice: String

    package init(_ severity: Severity, _ path: FilePath, _ problem: String, advice: String) {
        self.severity = severity
        self.path = path
        self.problem = problem
        self.advice = advice
    }
}
