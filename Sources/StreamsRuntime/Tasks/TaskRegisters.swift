import MillracePrimitives

/// A number that an operator of one task keeps across restarts, such as the greatest timestamp that it has seen.
///
/// It is committed with the input offsets, in their metadata, and is what it was at the last commit when the task begins
/// again. Valid as long as the task; used by its thread alone.
@usableFromInline
package struct TaskRegister {
    /// Behind a pointer, so that the record loop pays for no exclusivity checks.
    @usableFromInline package let pointer: UnsafeMutablePointer<Int64>

    @usableFromInline
    init(pointer: UnsafeMutablePointer<Int64>) {
        self.pointer = pointer
    }

    /// The number.
    @inlinable package var value: Int64 {
        get { pointer.pointee }
        nonmutating set { pointer.pointee = newValue }
    }

    /// Makes the number this one if it is greater.
    @inlinable
    package func raise(to newValue: Int64) {
        if newValue > pointer.pointee { pointer.pointee = newValue }
    }
}

/// The registers of one task, and beside which input partition's offset each of them is committed.
final class TaskRegisters {
    private var pointers: [String: UnsafeMutablePointer<Int64>] = [:]
    /// For each partition the registers that are its to keep, by name.
    private var homes: [TopicPartition: [String]] = [:]
    /// What was committed last, for registers that are made as the task begins.
    private var restored: [String: Int64] = [:]
    /// What stores were called before, by their names: a renamed store keeps its registers.
    var formerStoreNames: [String: String] = [:]

    deinit {
        for pointer in pointers.values {
            pointer.deinitialize(count: 1)
            pointer.deallocate()
        }
    }

    /// The register of this name; all who ask for one name share it.
    func register(named name: String, initial: Int64) -> TaskRegister {
        if let existing = pointers[name] { return TaskRegister(pointer: existing) }
        let pointer = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
        pointer.initialize(to: restored[name] ?? initial)
        pointers[name] = pointer
        return TaskRegister(pointer: pointer)
    }

    /// Gives each register its place, once all of them are made: the first partition that has room for it.
    func settle(in allPartitions: [TopicPartition], of task: TaskId) throws(StreamsError) {
        homes = [:]
        var partitions = allPartitions.sorted()[...]
        var room = PartitionMetadata.registerBytesMaximum
        for name in pointers.keys.sorted() {
            let size = PartitionMetadata.bytes(ofRegister: name)
            if size > room {
                partitions = partitions.dropFirst()
                room = PartitionMetadata.registerBytesMaximum
            }
            guard let home = partitions.first, size <= room else {
                throw .tooManyRegisters(
                    task,
                    bytes: pointers.keys.reduce(0) { $0 + PartitionMetadata.bytes(ofRegister: $1) },
                    bytesMaximum: PartitionMetadata.registerBytesMaximum * allPartitions.count
                )
            }
            homes[home, default: []].append(name)
            room -= size
        }
    }

    /// What is committed with the offset of a partition.
    func values(keptWith partition: TopicPartition) -> [String: Int64] {
        var values: [String: Int64] = [:]
        for name in homes[partition] ?? [] { values[name] = pointers[name]?.pointee }
        return values
    }

    /// Takes over what was committed. Where a change of the topology has moved a register to another partition, it may
    /// be found with several; its present home knows best, and failing that the greatest value is taken.
    func restore(_ committed: [TopicPartition: [String: Int64]]) {
        restored = committed.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: max) }
        for (home, names) in homes {
            for name in names { if let value = committed[home]?[name] { restored[name] = value } }
        }
        renameStores()
        for (name, pointer) in pointers { if let value = restored[name] { pointer.pointee = value } }
    }

    /// Finds what was committed for a store before it had its name. What was committed since comes first: the application
    /// may go on saying what the store was called.
    private func renameStores() {
        let committed = restored
        for (name, formerName) in formerStoreNames {
            for (register, value) in committed where register.hasPrefix(formerName) {
                let role = register.dropFirst(formerName.count)
                guard let separator = role.first, separator == "." || separator == "-" else { continue }
                let renamed = name + role
                if committed[renamed] == nil { restored[renamed] = value }
            }
        }
    }
}
