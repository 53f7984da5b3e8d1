import MillracePrimitives

extension Model {
    /// Takes note of a transaction; returns its number.
    mutating func begin(_ transactionalId: String) -> Int {
        transactions.append(Transaction(number: transactions.count, transactionalId: transactionalId))
        return transactions.count - 1
    }

    /// The broker has answered a transaction's position.
    mutating func positioned(_ number: Int, _ answer: Answer<Void>, by member: GroupMembership? = nil) {
        switch answer {
        case .refused: return
        case .unknown:
            if transactions[number].position == .none { transactions[number].position = .unknown }
        case .done:
            transactions[number].position = .acknowledged
            if let member { checkMember(member) }
        }
    }

    /// The broker has answered a commit.
    mutating func committed(_ number: Int, _ answer: Answer<Void>) {
        let transaction = transactions[number]
        switch (answer, transaction.fate) {
        case (.refused, _), (.unknown, .committed), (.unknown, .aborted):
            return
        case (.unknown, .open), (.unknown, .inDoubt):
            transactions[number].fate = .inDoubt
        case (.done, .aborted):
            violate(
                .fenced,
                "transaction \(number) of \(transaction.transactionalId) was reported committed, though it was aborted, or "
                    + "its owner replaced, before"
            )
        case (.done, .open), (.done, .inDoubt), (.done, .committed):
            transactions[number].fate = .committed
            for index in transaction.batches where batches[index].wasAcknowledged {
                if batches[index].mayBeStored { batches[index].promise = .durable } else { reportLoss(index, number) }
            }
        }
    }

    private mutating func reportLoss(_ batch: Int, _ transaction: Int) {
        violate(
            .atomic,
            "transaction \(transaction) was reported committed without batch \(batch), which had been acknowledged in "
                + "\(batches[batch].partition) and was lost since"
        )
    }

    /// The broker has answered an abort.
    mutating func aborted(_ number: Int, _ answer: Answer<Void>) {
        guard case .done = answer else { return }
        if transactions[number].fate == .committed {
            violate(.atomic, "transaction \(number) was reported aborted after it had been reported committed")
        }
        transactions[number].fate = .aborted
    }

    /// A marker in a log, or a reader of committed data, has shown how a transaction ended.
    mutating func decided(_ number: Int, isCommitted: Bool) {
        if transactions[number].fate == .inDoubt || !isCommitted {
            transactions[number].fate = isCommitted ? .committed : .aborted
        }
    }

    /// The positions that the transactions of an id may have left in its group.
    func possiblePositions(of transactionalId: String) -> Set<Int64?> {
        var possible: Set<Int64?> = [nil]
        for transaction in transactions
        where transaction.transactionalId == transactionalId && transaction.position != .none {
            let offset = Int64(transaction.number)
            switch (transaction.fate, transaction.position) {
            case (.committed, .acknowledged): possible = [offset]
            case (.committed, _), (.inDoubt, _): possible.insert(offset)
            case (.open, _), (.aborted, _): break
            }
        }
        return possible
    }
}
