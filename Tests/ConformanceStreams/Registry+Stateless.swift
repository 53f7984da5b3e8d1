import Millrace

extension Registry {
    static let stateless: [String: Register] = [
        "map": { builder, parameters in
            let prefix = try parameters.text("prefix")
            let ending = try parameters.text("nullIfEndsWith")
            stream(builder).map { key, value -> (String?, String?) in
                (prefix + str(key), value?.hasSuffix(ending) == true ? nil : "\(str(value))@\(str(key))")
            }.write("out")
        },
        "map-values": { builder, parameters in
            let suffix = try parameters.text("suffix")
            let mapped: TextStream
            if try parameters.flag("withKey") {
                mapped = stream(builder).mapValues { key, value -> String? in "\(str(key)):\(str(value))\(suffix)" }
            } else {
                mapped = stream(builder).mapValues { value -> String? in value.map { $0 + suffix } }
            }
            mapped.write("out")
        },
        "flat-map": { builder, parameters in
            let copies = try parameters.int("copies")
            let mapped: TextStream = stream(builder).flatMap { key, value -> [(String?, String?)] in
                guard let value else { return [] }
                return (0..<copies).map { ("\(str(key)).\($0)", "\(value)#\($0)") }
            }
            mapped.write("out")
        },
        "flat-map-values": { builder, parameters in
            let separator = try parameters.text("separator")
            @Sendable func words(_ value: String?) -> [String] {
                (value ?? "").split { String($0) == separator }.map(String.init)
            }
            let mapped: TextStream
            if try parameters.flag("withKey") {
                mapped = stream(builder).flatMapValues { key, value -> [String?] in
                    words(value).map { "\(str(key))/\($0)" }
                }
            } else {
                mapped = stream(builder).flatMapValues { value -> [String?] in words(value) }
            }
            mapped.write("out")
        },
        "filter": { builder, parameters in
            let length = try parameters.int("minLength")
            @Sendable func isLong(_ value: String?) -> Bool { value.map { $0.count >= length } ?? false }
            let input = stream(builder)
            let kept =
                try parameters.flag("negate") ? input.filterNot { isLong($1) } : input.filter { isLong($1) }
            kept.write("out")
        },
        "select-key": { builder, parameters in
            let mode = try parameters.text("mode")
            stream(builder).selectKey(keys: text) { key, value -> String? in
                switch mode {
                case "value": value
                case "first-char": value?.first.map(String.init)
                default: "\(str(value))|\(str(key))"
                }
            }.write("out")
        },
        "peek": { builder, parameters in
            var result = stream(builder)
            for _ in 0..<(try parameters.int("times")) { result = result.peek { _, _ in } }
            result.write("out")
        },
        "merge": { builder, parameters in
            let suffix = try parameters.text("suffix")
            var merged = stream(builder, "in1").merge(stream(builder, "in2"))
            if try parameters.int("streams") == 3 { merged = merged.merge(stream(builder, "in3")) }
            merged.mapValues { value -> String? in str(value) + suffix }.write("out")
        },
        "split": { builder, parameters in
            let conditions: [@Sendable (String?, String?) -> Bool] = [
                { _, value in (value?.count ?? 0) >= 3 },
                { _, value in value?.last?.wholeNumberValue.map { $0 % 2 == 0 } ?? false },
                { key, _ in key == "a" },
            ]
            let count = try parameters.int("branches")
            var split = stream(builder).split()
            for index in 0..<count { split = split.branch("b\(index)", conditions[index]) }
            let hasDefault = try parameters.text("default") == "branch"
            let branches = hasDefault ? split.defaultBranch("rest") : split.noDefaultBranch()
            for index in 0..<count { branches["b\(index)"].write("out-\(index)") }
            if hasDefault { branches["rest"].write("out-default") }
        },
        "split-remerge": { builder, parameters in
            let length = try parameters.int("minLength")
            let branches = stream(builder).split()
                .branch("long") { _, value in value.map { $0.count >= length } ?? false }
                .defaultBranch("short")
            let long = branches["long"].mapValues { value -> String? in "long:" + str(value) }
            var short = branches["short"].mapValues { value -> String? in "short:" + str(value) }
            if try parameters.flag("dropNullKey") { short = short.filter { key, _ in key != nil } }
            long.merge(short).write("out")
        },
        "diamond": { builder, parameters in
            let input = stream(builder)
            func attachA() -> TextStream { input.mapValues { value -> String? in "a:" + str(value) } }
            func attachB() -> TextStream {
                input.filter { _, value in value != nil }
                    .flatMapValues { value -> [String?] in ["b1:" + str(value), "b2:" + str(value)] }
            }
            let first: TextStream
            let second: TextStream
            let isAFirst = try parameters.text("first") == "a"
            if isAFirst {
                first = attachA()
                second = attachB()
            } else {
                let attached = attachB()
                first = attachA()
                second = attached
            }
            let merged = try parameters.text("mergeOrder") == "ab" ? first.merge(second) : second.merge(first)
            merged.write("out")
            first.write("out-a")
        },
        "repartition": { builder, parameters in
            let select = try parameters.text("select")
            var selected = stream(builder)
            if select != "none" {
                selected = selected.selectKey(keys: text) { _, value in
                    select == "value" ? value : value?.first.map(String.init)
                }
            }
            selected.repartition(partitions: 1, keys: text, values: text)
                .mapValues { value -> String? in str(value) + "'" }
                .write("out")
        },
        "stateless-chain": { builder, parameters in
            let longest = try parameters.int("maxKey")
            let doubled: TextStream = stream(builder).filterNot { _, value in value == nil }
                .mapValues { value -> String? in str(value) + "m" }
                .flatMap { key, value -> [(String?, String?)] in
                    guard let key else { return [(value, value)] }
                    return [(key, value), (key + key, value)]
                }
            doubled.selectKey(keys: text) { key, _ -> String? in str(key) + "=" }
                .filter { key, _ in (key?.count ?? 0) <= longest }
                .write("out")
        },
    ]
}
