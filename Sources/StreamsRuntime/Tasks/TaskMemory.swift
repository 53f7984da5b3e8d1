/// What the code of a task reads and writes through pointers: the record under way, the registers.
///
/// Owned by the task's context, and by whatever the user's code may keep when the task has gone, such as stores and
/// processor contexts: what they then do is of no use, but it does not reach into freed memory.
@usableFromInline
package final class TaskMemory {
    let record: UnsafeMutablePointer<CurrentRecord>
    let registers = TaskRegisters()

    init() {
        record = .allocate(capacity: 1)
        record.initialize(to: CurrentRecord())
    }

    deinit {
        record.deinitialize(count: 1)
        record.deallocate()
    }
}
