import MillraceTopology

/// What becomes of the state in the log when a topology takes the place of another.
///
/// **The rules.** Operators without a store come and go. A store that is new begins empty. A store that is gone leaves its
/// changelog behind, and finds it again if it comes back as it was. A store that is there in both must have the same kind,
/// formats, sizes and number of partitions; its retention and the settings of its changelog may change. A store that says
/// what it was called before (`StoreOptions.renamedFrom`) takes over the other one's entries. A store may change from its
/// changelog to its source topic, which has the same entries, but not back: the changelog has gone out of date. A repartition topic must keep
/// its number of partitions; it may go, or change its format, once everything in it is processed.
///
/// **Stream time** goes with the stores. What an operator with a store remembers beside it (its stream time, up to where it
/// has passed on closed windows) is committed with the input offsets in registers named after the store, and is found
/// again under a new name of the store too (`TaskRegisters`): records that were late stay late. Punctuations by stream time
/// are kept under their operator's name; an operator without a name of its own that is moved begins them anew.
///
/// Pure; `ApplicationPreparation` carries it out.
struct TopologyComparison {
    /// A store whose entries are copied from another's changelog.
    struct Renaming: Hashable {
        var from: String
        var to: String
    }

    /// A repartition topic that must hold nothing unprocessed.
    struct Drain: Hashable {
        var topic: String
        /// The formats, if it goes on with another; nil if nothing reads it any more.
        var formats: (was: TopicFormat, becomes: TopicFormat)?

        static func == (left: Drain, right: Drain) -> Bool {
            left.topic == right.topic && left.formats?.was == right.formats?.was
                && left.formats?.becomes == right.formats?.becomes
        }

        func hash(into hasher: inout Hasher) { hasher.combine(topic) }
    }

    /// Why the topology cannot go on with this state.
    private(set) var refusals: [TopologyDifference] = []
    /// What is worth being told.
    private(set) var notes: [String] = []
    /// The repartition topics whose records decide.
    private(set) var drains: [Drain] = []
    /// The stores to be renamed.
    private(set) var renamings: [Renaming] = []
    /// The settings of changelogs that the topology now asks for otherwise, by store; nil for the default.
    private(set) var changedSettings: [String: [String: String?]] = [:]
    /// The manifest from now on.
    private(set) var result: TopologyManifest

    /// Compares.
    ///
    /// - Parameters:
    ///   - former: the manifest in the log; nil if there is none.
    ///   - wanted: what the topology needs.
    ///   - formerNames: what stores were called before, by their names.
    init(_ former: TopologyManifest?, _ wanted: TopologyManifest, formerNames: [String: String] = [:]) {
        result = wanted
        guard let former else { return }
        let inputs = former.inputs.compactMap { topic, was in
            wanted.inputs[topic].flatMap {
                $0 == was ? nil : TopologyDifference.InputChange(topic: topic, was: was, isNow: $0)
            }
        }.sorted { $0.topic < $1.topic }
        for (name, pattern) in wanted.patterns.sorted(by: { $0.key < $1.key }) {
            guard let was = former.patterns[name], was != pattern else { continue }
            notes.append("\(name) reads \(pattern) and no longer \(was)")
        }
        for (name, store) in wanted.stores.sorted(by: { $0.key < $1.key }) {
            compare(name, store, former, formerNames[name], inputs)
        }
        for (name, store) in former.stores.sorted(by: { $0.key < $1.key }) where wanted.stores[name] == nil {
            retire(name, store, isRenamed: renamings.contains { $0.from == name })
        }
        for (name, topic) in former.repartitionTopics.sorted(by: { $0.key < $1.key }) {
            compare(name, topic, inputs)
        }
    }

    private mutating func compare(
        _ name: String,
        _ store: TopologyManifest.Store,
        _ former: TopologyManifest,
        _ formerName: String?,
        _ inputs: [TopologyDifference.InputChange]
    ) {
        var was = former.stores[name]
        if was == nil, let formerName, let other = former.stores[formerName] {
            was = other
            // What is restored from its topic has its entries there, whatever it is called.
            if store.sourceTopic == nil { renamings.append(Renaming(from: formerName, to: name)) }
            notes.append("the store \(formerName) is now called \(name); its entries are taken over")
        }
        if let was, let topic = was.sourceTopic, store.sourceTopic != topic {
            refusals.append(.storeSource(store: name, was: topic, becomes: store.sourceTopic))
        }
        guard let was else {
            notes.append("the store \(name) is new and begins empty")
            return
        }
        if !was.isLive, renamings.last?.to != name {
            notes.append("the store \(name) is back, with the entries that it had when it was removed")
        }
        if !was.format.canBeRead(as: store.format) {
            refusals.append(.storeFormat(store: name, was: was.format, becomes: store.format))
        }
        if was.partitions != store.partitions {
            refusals.append(
                .storePartitions(store: name, was: was.partitions, becomes: store.partitions, inputs: inputs)
            )
        }
        if was.format.retentionMs != store.format.retentionMs {
            notes.append("the store \(name) keeps its entries for another time than before")
        }
        if store.sourceTopic != nil {
            if was.sourceTopic == nil { notes.append("the store \(name) is restored from its topic from now on") }
            return
        }
        var changed: [String: String?] = [:]
        for (setting, value) in store.changelogConfiguration where was.changelogConfiguration[setting] != value {
            changed[setting] = .some(value)
        }
        for setting in was.changelogConfiguration.keys where store.changelogConfiguration[setting] == nil {
            changed[setting] = .some(nil)
        }
        if !changed.isEmpty { changedSettings[name] = changed }
    }

    private mutating func retire(_ name: String, _ store: TopologyManifest.Store, isRenamed: Bool) {
        var store = store
        if store.isLive, !isRenamed {
            notes.append("the store \(name) is gone; its changelog is left as it is")
            let heirs = result.stores.filter { $0.value.format.canBeRead(as: store.format) }.keys.sorted()
            if !heirs.isEmpty {
                notes.append(
                    "if \(name) is what is now called \(heirs.joined(separator: " or ")), say so there with renamedFrom, or "
                        + "its entries are not found"
                )
            }
        }
        store.isLive = false
        result.stores[name] = store
    }

    private mutating func compare(
        _ name: String,
        _ was: TopologyManifest.RepartitionTopic,
        _ inputs: [TopologyDifference.InputChange]
    ) {
        guard let topic = result.repartitionTopics[name] else {
            drains.append(Drain(topic: name, formats: nil))
            return
        }
        if was.partitions != topic.partitions {
            refusals.append(
                .repartitionPartitions(topic: name, was: was.partitions, becomes: topic.partitions, inputs: inputs)
            )
        }
        if let former = was.format, let format = topic.format, former != format {
            drains.append(Drain(topic: name, formats: (former, format)))
        }
    }
}

extension StoreFormat {
    /// Whether entries of this format mean the same in another; how long they are kept does not matter.
    func canBeRead(as other: StoreFormat) -> Bool {
        kind == other.kind && keys == other.keys && values == other.values && sizes == other.sizes
    }
}
