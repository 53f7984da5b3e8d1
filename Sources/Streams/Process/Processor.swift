/// An operator written by hand, one for each task: what Kafka Streams calls `Processor`.
///
///     final class Numbering: Processor {
///         let context: ProcessorContext<String, String>
///         var count = 0
///
///         init(_ context: ProcessorContext<String, String>) { self.context = context }
///
///         func process(_ record: Record<String, String>) throws {
///             count += 1
///             try context.forward(record.withValue("\(count): \(record.value)"))
///         }
///     }
///
///     stream.process { Numbering($0) }
///
/// It is made when its task is, gets its context and its stores then, and belongs to the task's thread. What it keeps in
/// memory alone is lost with the task: what must outlive a restart belongs into a store. A class or a struct.
public protocol Processor<Key, Value>: SendableMetatype {
    /// The keys that it takes.
    associatedtype Key
    /// The values that it takes.
    associatedtype Value

    /// Called once, before the first record, with the stores restored.
    mutating func start() throws
    /// Takes a record.
    mutating func process(_ record: Record<Key, Value>) throws
    /// Called once, when the task ends in an orderly way; nothing can be forwarded any more.
    mutating func close()
}

extension Processor {
    /// Does nothing.
    @inlinable public mutating func start() throws {}
    /// Does nothing.
    @inlinable public mutating func close() {}
}

/// A processor that leaves the key alone: what Kafka Streams calls `FixedKeyProcessor`. See `Processor`.
public protocol FixedKeyProcessor<Key, Value>: SendableMetatype {
    /// The keys that it takes and passes on.
    associatedtype Key
    /// The values that it takes.
    associatedtype Value

    /// Called once, before the first record, with the stores restored.
    mutating func start() throws
    /// Takes a record.
    mutating func process(_ record: FixedKeyRecord<Key, Value>) throws
    /// Called once, when the task ends in an orderly way; nothing can be forwarded any more.
    mutating func close()
}

extension FixedKeyProcessor {
    /// Does nothing.
    @inlinable public mutating func start() throws {}
    /// Does nothing.
    @inlinable public mutating func close() {}
}
