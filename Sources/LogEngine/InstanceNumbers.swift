import Synchronization

/// Which numbers the live instances of each application have: all of them are in this process, so that after a restart
/// the same numbers are given again, and the new instances fence what the old ones left open.
package final class InstanceNumbers: Sendable {
    private let taken = Mutex<[String: Set<Int>]>([:])

    init() {}

    package func claim(_ application: String) -> Int {
        taken.withLock { taken in
            var number = 0
            while taken[application, default: []].contains(number) { number += 1 }
            taken[application, default: []].insert(number)
            return number
        }
    }

    package func release(_ application: String, _ number: Int) {
        taken.withLock { taken in
            taken[application]?.remove(number)
            if taken[application]?.isEmpty == true { taken[application] = nil }
        }
    }
}
