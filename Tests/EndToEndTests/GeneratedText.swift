import Foundation
import Millrace

/// A text file of random words, and how often each word is in it, counted by other means than a topology.
struct GeneratedText {
    let url: URL
    let lines: Int
    private(set) var counts: [String: Int64] = [:]

    /// Frequent words are much more frequent than rare ones, as in real text.
    init(at url: URL, lines: Int, wordsPerLine: Int, vocabulary: Int, random: inout SeededRandom) throws {
        self.url = url
        self.lines = lines
        var text = ""
        for _ in 0..<lines {
            for position in 0..<wordsPerLine {
                let rank =
                    Int.random(in: 0..<vocabulary, using: &random) * Int.random(in: 0..<vocabulary, using: &random)
                let word = "w\(rank / vocabulary)"
                counts[word, default: 0] += 1
                if position > 0 { text += " " }
                text += Bool.random(using: &random) ? word : word.uppercased()
            }
            text += "\n"
        }
        try Data(text.utf8).write(to: url)
    }
}
