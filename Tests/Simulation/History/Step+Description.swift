extension Step: CustomStringConvertible {
    /// In words, for a report.
    package var description: String {
        switch self {
        case .send(let client, let partition, let count, let acknowledgement, let transport):
            "client \(client) sends \(count) records to \(Place.all[partition]), \(acknowledgement)\(transport)"
        case .resend(let client, let partition):
            "client \(client) sends its last batch to \(Place.all[partition]) again"
        case .takeOver(let owner): "owner \(owner) takes its id over"
        case .write(let owner, let partition, let count, let transport):
            "owner \(owner) writes \(count) records to \(Place.all[partition])\(transport)"
        case .position(let owner, let transport): "owner \(owner) sends a position\(transport)"
        case .end(let owner, let commits, let transport):
            "owner \(owner) \(commits ? "commits" : "aborts")\(transport)"
        case .poll(let worker): "worker \(worker) polls"
        case .transform(let worker, let count): "worker \(worker) transforms up to \(count) records"
        case .sendPositions(let worker): "worker \(worker) sends its positions"
        case .finish(let worker, let commits): "worker \(worker) \(commits ? "commits" : "aborts")"
        case .stop(let worker, let inOrder): "worker \(worker) \(inOrder ? "leaves" : "falls silent")"
        case .read(let reader): "reader \(reader) polls"
        case .commitRead(let reader, let transport): "reader \(reader) commits its positions\(transport)"
        case .stopReading(let reader, let inOrder): "reader \(reader) \(inOrder ? "leaves" : "falls silent")"
        case .deliver(let number): "held request \(number) arrives"
        case .wait(let milliseconds): "\(milliseconds) ms pass"
        case .setClock(let milliseconds): "the wall clock is set by \(milliseconds) ms"
        case .clean: "the cleaner compacts what is due"
        case .fault(let fault): "\(fault)"
        case .calm: "faults end"
        case .observe: "everything is checked"
        case .restart: "the broker is closed and opened"
        case .crash(let crash): "\(crash)"
        }
    }
}

extension Transport: CustomStringConvertible {
    package var description: String {
        switch self {
        case .prompt: ""
        case .answerLost: ", the answer is lost"
        case .held: ", the request is held back"
        }
    }
}

extension Fault: CustomStringConvertible {
    package var description: String {
        let files = target == .any ? "any file" : target.rawValue + "*"
        return "\(times) \(call) calls on \(files) fail after \(skipping) more (\(isNoSpace ? "disk full" : "EIO"))"
    }
}

extension Crash: CustomStringConvertible {
    package var description: String {
        let moment = call == 0 ? "now" : "within call \(call) from here"
        let event =
            switch loss {
            case .nothing: "the process is killed \(moment)"
            case .unsynchronized: "power is lost \(moment)"
            case .torn(let seed): "power is lost \(moment), with writes torn by \(seed)"
            }
        switch trouble {
        case .none: return event
        case .crash(let call): return "\(event), and again within call \(call) of the recovery"
        case .fault(let fault): return "\(event); in the recovery \(fault)"
        }
    }
}

extension History: CustomStringConvertible {
    package var description: String {
        steps.enumerated().map { "  \($0.offset + 1). \($0.element)" }.joined(separator: "\n")
    }
}
