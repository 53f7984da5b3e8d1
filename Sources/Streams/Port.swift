import MillraceStreamsRuntime

/// Where an operator passes records on to: one closure, specialised for the types that flow through it.
///
/// The closure lives in a struct because a bare function value in an Optional, Array or Any is wrapped in another thunk
/// each time.
@usableFromInline
struct Out<Key, Value> {
    /// Key, value, timestamp in milliseconds.
    @usableFromInline let push: (Key, Value, Int64) throws -> Void

    @inlinable
    init(_ push: @escaping (Key, Value, Int64) throws -> Void) {
        self.push = push
    }
}

/// The place in a topology where a stream comes out of one operator and goes into others.
///
/// While the topology is built, operators add what is to be composed for them; per task, `compose` makes one closure of
/// it, so that children are baked in and never iterated over per record.
@usableFromInline
final class Port<Key, Value>: @unchecked Sendable {
    // Sendable because only the thread that builds the topology adds to it, before `build()`; then it is only read.
    @usableFromInline
    struct Part {
        @usableFromInline let make: @Sendable (TaskContext) -> Out<Key, Value>

        @inlinable
        init(make: @escaping @Sendable (TaskContext) -> Out<Key, Value>) {
            self.make = make
        }
    }

    @usableFromInline
    final class Composed {
        @usableFromInline let out: Out<Key, Value>

        @inlinable
        init(_ out: Out<Key, Value>) {
            self.out = out
        }
    }

    @usableFromInline var parts: [Part] = []

    @inlinable
    init() {}

    @inlinable
    func add(_ make: @escaping @Sendable (TaskContext) -> Out<Key, Value>) {
        parts.append(Part(make: make))
    }

    /// The code behind this port for a task, composed once however many operators pass records to it.
    @inlinable
    func compose(_ context: TaskContext) -> Out<Key, Value> {
        context.composeOnce(self) {
            // Nested from the last operator to the first.
            var outs = parts.map { $0.make(context) }
            guard var chain = outs.popLast() else { return Composed(Out { _, _, _ in }) }
            while let first = outs.popLast() {
                let rest = chain
                chain = Out { key, value, timestamp in
                    try first.push(key, value, timestamp)
                    try rest.push(key, value, timestamp)
                }
            }
            return Composed(chain)
        }.out
    }
}
