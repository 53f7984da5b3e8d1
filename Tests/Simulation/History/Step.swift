/// One thing that happens in a simulated run.
///
/// A history is a list of these. Each is a small value that says all there is to say (actors by number, seeds of torn
/// writes), and each can be taken at any time: a step whose actor cannot act does nothing. So a history can be replayed,
/// and still is one when steps are left out.
package enum Step: Hashable, Sendable {
    /// A producer without transactions sends a batch.
    case send(client: Int, partition: Int, count: Int, Acknowledgement, Transport)
    /// It sends its last batch for a partition once more.
    case resend(client: Int, partition: Int)

    /// A transactional producer outside of the broker's process takes its id over.
    case takeOver(owner: Int)
    /// It sends a batch, in a new transaction if none is open.
    case write(owner: Int, partition: Int, count: Int, Transport)
    /// It makes a position part of its transaction.
    case position(owner: Int, Transport)
    /// It ends its transaction, or asks again for the end that it has asked for.
    case end(owner: Int, commits: Bool, Transport)

    /// A consume-transform-produce loop in the broker's process: joins the group and polls, connecting before if needed.
    case poll(worker: Int)
    /// It writes outputs for up to `count` records that it has read.
    case transform(worker: Int, count: Int)
    /// It sends its positions before the transaction ends, and may be interrupted in between.
    case sendPositions(worker: Int)
    case finish(worker: Int, commits: Bool)
    /// It leaves in order, or falls silent.
    case stop(worker: Int, inOrder: Bool)

    /// A member of a group of readers polls.
    case read(reader: Int)
    case commitRead(reader: Int, Transport)
    case stopReading(reader: Int, inOrder: Bool)

    /// A request that was held back arrives.
    case deliver(Int)
    /// Time passes on both clocks, then housekeeping looks for what is due.
    case wait(milliseconds: Int)
    /// The wall clock is set, forwards or back.
    case setClock(byMilliseconds: Int)

    /// The cleaner compacts what is due.
    case clean

    case fault(Fault)
    /// The faults end, and what was left undone is done.
    case calm
    /// Everything is read and checked.
    case observe
    /// The broker is closed in order and opened again.
    case restart
    case crash(Crash)
}

/// How much a producer without transactions asks for.
package enum Acknowledgement: Hashable, Sendable {
    /// `acks=all`: it survives loss of power.
    case durable
    /// `acks=1`: it survives a killed process.
    case written
}

/// How a request and its answer travel.
package enum Transport: Hashable, Sendable {
    case prompt
    /// The request is carried out, but the client does not hear of it.
    case answerLost
    /// The request is on its way until a `deliver` step; the client takes it for lost.
    case held
}

/// Calls of the file system that fail.
package struct Fault: Hashable, Sendable {
    package enum Call: Hashable, Sendable {
        case write
        case synchronize
        case rename
        case open
        case truncate
        case remove
    }

    /// The files whose calls are counted, by what their path contains.
    package enum Target: String, Hashable, Sendable, CaseIterable {
        case any = ""
        case inputs = "input-"
        case outputs = "output-"
        case tables = "table-"
        case firstOutput = "output-0"
        case transactions = "__transaction_state-"
        case positions = "__consumer_offsets-"
    }

    package var call: Call
    package var target: Target
    /// A full disk, or an error of the device.
    package var isNoSpace: Bool
    package var skipping: Int
    package var times: Int
}

/// The end of the process or the machine, and what recovery meets.
package struct Crash: Hashable, Sendable {
    package enum Loss: Hashable, Sendable {
        /// The process is killed; the page cache stays.
        case nothing
        /// Power loss: everything that was not synchronised is gone.
        case unsynchronized
        /// Power loss: by sectors, some of it survives, as the seed decides.
        case torn(seed: UInt64)
    }

    /// What befalls the recovery itself.
    package enum RecoveryTrouble: Hashable, Sendable {
        case none
        /// The machine stops again, within this call of the recovery.
        case crash(call: Int)
        /// A call fails; the broker is opened once more.
        case fault(Fault)
    }

    /// The machine stops within this call from now on (1: the next); 0: now, between two calls.
    package var call: Int
    package var loss: Loss
    package var trouble: RecoveryTrouble

    package init(call: Int, loss: Loss, trouble: RecoveryTrouble = .none) {
        self.call = call
        self.loss = loss
        self.trouble = trouble
    }
}

/// A seed's history: what the machine is like, and what happens.
package struct History: Hashable, Sendable {
    package var seed: UInt64
    package var steps: [Step]
}
