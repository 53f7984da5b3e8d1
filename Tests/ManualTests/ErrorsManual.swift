import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's pages on errors and asynchronous calls, run.
struct ErrorsManual {
    @Test("The policies of the page on errors do what it says")
    func policies() throws {
        let builder = StreamsBuilder()
        builder.stream("orders", keys: .utf8, values: .int64)
            .mapValues { amount -> Int64 in
                guard amount >= 0 else { throw NegativeAmount() }
                return amount * 2
            }
            .to("totals", values: .int64)
        // snippet: error-policies
        var configuration = StreamsConfiguration()
        configuration.onDecodingError = .deadLetter(topic: "orders-unreadable")
        configuration.onProcessingError = .retry(attempts: 3, then: .fail(deadLetterTopic: "orders-failed"))
        configuration.onProductionError = ErrorPolicy { failure in
            failure.error is SerdeError ? .skip : .fail()
        }
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build(), configuration: configuration)
        let orders = driver.input("orders", keys: .utf8, values: .int64)
        try driver.pipe(key: [0x61], value: [1, 2], to: "orders")
        try orders.pipe("a", 5)
        #expect(throws: StreamsError.self) { try orders.pipe("b", -1) }
        let unreadable = try driver.output("orders-unreadable", keys: .utf8, values: .bytes).readAll()
        #expect(unreadable.map(\.value) == [[1, 2]])
        let failed = try driver.output("orders-failed", keys: .utf8, values: .int64).readAll()
        #expect(failed.map(\.value) == [-1])
    }

    @Test("The example of an asynchronous call works")
    func mapAsync() throws {
        let prices = Prices()
        let builder = StreamsBuilder()
        // snippet: map-async
        builder.stream("orders", keys: .utf8, values: .int64)
            .mapValuesAsync(concurrency: 32, timeout: .seconds(2), retry: .upTo(3)) { customer, amount in
                try await prices.total(of: amount, for: customer)
            }
            .to("totals", values: .int64)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        try driver.input("orders", keys: .utf8, values: .int64).pipe("ada", 10)
        #expect(try driver.output("totals", keys: .utf8, values: .int64).readAll().map(\.value) == [20])
    }

    private struct NegativeAmount: Error {}

    private actor Prices {
        func total(of amount: Int64, for customer: String) async throws -> Int64 {
            try await Task.sleep(for: .milliseconds(1))
            return amount * 2
        }
    }
}
