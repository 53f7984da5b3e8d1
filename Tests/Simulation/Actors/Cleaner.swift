import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage

extension Simulation {
    /// Compacts the logs that are due. If nothing fails, what is there afterwards is compared with what was before;
    /// whatever happens, later inspections judge what is left.
    func clean() {
        guard let broker = machine.broker else { return }
        let before = machine.hasMetFaults ? [] : tableImages
        let reports = broker.cleanLogs()
        model.hasCleaned = true
        for (partition, report) in reports.sorted(by: { $0.key < $1.key }) {
            note("\(partition) up to \(report.cleanedEndOffset): \(report.bytesBefore) to \(report.bytesAfter) bytes")
            if Place.internals.contains(partition), report.bytesAfter < report.bytesBefore {
                statistics.internalPasses += 1
            }
        }
        guard !machine.hasMetFaults, !machine.disk.isCrashed else { return }
        for (before, after) in zip(before, tableImages) {
            CleaningCheck(before: before, after: after).run(&model)
            statistics.removedRecords +=
                before.records(committedOnly: false).count - after.records(committedOnly: false).count
        }
    }

    private var tableImages: [LogImage] {
        Place.tables.map {
            LogImage($0, files: machine.disk.files(in: Place.directory.appending($0.description)))
        }
    }
}
