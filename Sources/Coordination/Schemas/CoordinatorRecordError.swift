import MillracePrimitives

/// Why a record of an internal topic could not be read.
package enum CoordinatorRecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A key of a version, and so of a kind, that this coordinator does not keep; the runtime skips such records.
    case unknownKeyVersion(schema: CoordinatorSchema, version: Int16)
    /// A value of a version newer than this coordinator reads.
    case unknownValueVersion(schema: CoordinatorSchema, version: Int16)
    /// The bytes end early, or a length in them is impossible.
    case unreadable(schema: CoordinatorSchema, ByteReaderError)
    /// A field has a value that the schema does not allow.
    case invalidField(schema: CoordinatorSchema, field: String, value: Int64)

    /// Whether the record is of a kind that belongs to another coordinator and may be skipped.
    package var isUnknownKind: Bool {
        switch self {
        case .unknownKeyVersion: true
        case .unknownValueVersion, .unreadable, .invalidField: false
        }
    }

    /// What is wrong, in words.
    package var description: String {
        switch self {
        case .unknownKeyVersion(let schema, let version):
            "\(schema): key version \(version) is of a kind that is not kept here; the record can be skipped"
        case .unknownValueVersion(let schema, let version):
            "\(schema): value version \(version) is newer than this program; read the directory with a newer one"
        case .unreadable(let schema, let error):
            "\(schema): the record is damaged or was not written by a coordinator: \(error)"
        case .invalidField(let schema, let field, let value):
            "\(schema): \(field) cannot be \(value); the record is damaged or was not written by a coordinator"
        }
    }
}

/// The schemas that coordinators and the consumer protocol use.
package enum CoordinatorSchema: Hashable, Sendable {
    /// Keys of `__transaction_state`.
    case transactionKey
    /// Values of `__transaction_state`.
    case transactionValue
    /// Keys of `__consumer_offsets`.
    case groupKey
    /// Offset commit values of `__consumer_offsets`.
    case offsetCommitValue
    /// Group metadata values of `__consumer_offsets`.
    case groupMetadataValue
    /// What a member of a consumer group subscribes to.
    case consumerSubscription
    /// What a member of a consumer group was assigned.
    case consumerAssignment
    /// What a member says for the assignor `sticky`.
    case stickyUserData
    /// What a member says for the assignor `cooperative-sticky`.
    case cooperativeStickyUserData
}
