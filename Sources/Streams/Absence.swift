/// Tells whether a value of a type stands for null, found out once for the type.
@usableFromInline
struct Absence<Value>: Sendable {
    @usableFromInline let needed: Bool
    @usableFromInline let test: @Sendable (Value) -> Bool

    /// The value; nil if it stands for null.
    @inlinable
    func present(_ value: Value) -> Value? { needed && test(value) ? nil : value }

    @usableFromInline
    init(needed: Bool, test: @escaping @Sendable (Value) -> Bool) {
        self.needed = needed
        self.test = test
    }
}

extension Absence {
    /// Values of optional types may be absent, others never are.
    @usableFromInline
    static func check(_ type: Value.Type) -> Absence<Value> {
        guard let optional = type as? any OptionalValue.Type else { return Absence(needed: false) { _ in false } }
        let isNil = nilTest(optional)
        return Absence(needed: true) { value in withUnsafePointer(to: value) { isNil(UnsafeRawPointer($0)) } }
    }

    /// The type is looked up once, not with each record: a dynamic cast costs more than most operators.
    private static func nilTest<Wrapper: OptionalValue>(
        _ type: Wrapper.Type
    ) -> @Sendable (UnsafeRawPointer) -> Bool {
        { $0.assumingMemoryBound(to: Wrapper.self).pointee.isNil }
    }
}

/// What an optional is, whatever it wraps.
protocol OptionalValue: SendableMetatype {
    var isNil: Bool { get }
}

extension Optional: OptionalValue {
    var isNil: Bool {
        switch self {
        case .none: true
        case .some: false
        }
    }
}
