import Foundation
import Measuring
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("The page of measurements")
struct PageTests {
    /// What a parser of XML says about a page; nil if nothing.
    private func fault(in html: String) -> String? {
        let lines = html.split(separator: "\n", maxSplits: 1)
        let parser = XMLParser(data: Data(lines[lines.count - 1].utf8))
        return parser.parse() ? nil : "line \(parser.lineNumber), column \(parser.columnNumber)"
    }

    @Test("is well-formed, whatever was measured")
    func wellFormed() {
        #expect(fault(in: Page(Sampled.full, nexmark: Sampled.full).html) == nil)
        #expect(fault(in: Page(Sampled.report("now", [])).html) == nil)
        let one = Sampled.report("now", [Sampled.outcome("pipe", commitMs: 7, seconds: [1])])
        #expect(fault(in: Page(one).html) == nil)
    }

    @Test("shows text as it is, and takes none of it for markup")
    func escaped() {
        var report = Report(in: Sampled.environment("now", processor: "<script>\"A\" & 'B'\u{1}\u{fffe}"))
        report.measurements = [Throughput(Sampled.outcome("</title><b>", seconds: [1]))].compactMap { $0 }
        let html = Page(report).html
        #expect(fault(in: html) == nil)
        #expect(html.contains("&lt;script&gt;&quot;A&quot; &amp; 'B'\u{fffd}\u{fffd}"))
        #expect(!html.contains("<script") && !html.contains("<b>"))
    }

    @Test("needs neither scripts nor the network")
    func alone() {
        let html = Page(Sampled.full).html
        for word in ["<script", "src=", "href=", "url(", "@import", "<link"] {
            #expect(!html.contains(word), "\(word) would load something")
        }
    }

    @Test("has a section for what was measured, and none for what was not")
    func sections() {
        let full = Page(Sampled.full, nexmark: Sampled.full).html
        for title in [
            "Throughput", "NEXMark", "The cost of commits", "The log", "Latency", "Starts", "Memory", "Growth",
        ] {
            #expect(full.contains("<h2>\(title)</h2>"), "\(title) is missing")
        }
        let one = Page(Sampled.report("now", [Sampled.outcome("pipe", seconds: [1])])).html
        #expect(one.contains("<h2>Throughput</h2>"))
        #expect(
            !one.contains("<h2>Latency</h2>") && !one.contains("<h2>Growth</h2>") && !one.contains("<h2>NEXMark</h2>")
        )
    }

    @Test("names the machine, the compiler and the commit")
    func named() {
        let html = Page(Sampled.full).html
        for text in ["processor", "2 cores", "1 GiB", "kernel", "ext4", "Swift 6", "commit abc", "2026-01-02"] {
            #expect(html.contains(text), "\(text) is missing")
        }
    }

    @Test("gives every mark a text for the pointer, with the extremes of the runs")
    func titles() {
        let html = Page(Sampled.full).html
        #expect(html.contains("<title>pipe, exactly-once: 25 (20 to 33.3) records/s in 3 runs"))
        #expect(html.components(separatedBy: "<title>").count > 100)
    }
}
