import MillracePrimitives
import MillraceSimulationKit
import Testing

@Suite struct CrashSwarmTests {
    private static let roundCount = 3
    private static let stepCount = 40

    @Test("whatever the order of steps, faults and crashes, the invariants hold", arguments: Seed.sequence(48))
    func swarm(seed: Seed) throws {
        var random = seed.random
        var fileSystem = SimulatedFileSystem(seed: seed.value)
        var world = CrashWorld(on: fileSystem, random: SeededRandom(seed: random.next()))
        try world.open()
        try world.createTopic("input", partitions: 1)
        try world.createTopic("output", partitions: 3)
        try world.shrinkSegments(of: "__transaction_state")
        try world.sendPlain(3, to: CrashWorld.input)
        for round in 1...Self.roundCount {
            let swarm = CrashSwarm(world, random: SeededRandom(seed: random.next()))
            fileSystem.failAfter(calls: Int.random(in: 1...500, using: &random))
            var broken: String?
            do {
                try swarm.run(Self.stepCount)
            } catch let error as CrashWorld.Broken {
                broken = error.what
            }
            let context = "\(seed), round \(round), \"\(world.history.step)\", \(fileSystem.callCount) calls"
            #expect(broken == nil, "\(context)")

            var modes = [CrashMode.loseAllUnsynced, .tear(random.next()), .tear(random.next())]
            if !swarm.hasFailedSync { modes.append(.keepEverything) }
            let mode = modes[Int.random(in: 0..<modes.count, using: &random)]
            fileSystem = mode.survivor(of: fileSystem)
            let history = world.history
            let time = ManualTime(milliseconds: world.time.milliseconds + 1_000)
            world = CrashWorld(on: fileSystem, random: SeededRandom(seed: random.next()), time: time)
            world.history = history
            var checker = InvariantChecker(world, survives: mode.survives, goesOn: true)
            checker.run()
            #expect(checker.violations == [], "\(context), then \(mode)")
            if !checker.violations.isEmpty { return }
            try world.open()
        }
    }
}
