// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Foundation
import Testing

@testable import Report

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct PageTests {
    static let hostile =
        "</text><script>alert(1)</script>\"'&\u{0}\u{202E}\u{1B}[31m"
        + String(repeating: "long/name_", count: 30)

    private func hostilePage() throws -> String {
        var data = Samples.data(
            [Samples.layer(Self.hostile), Samples.layer(skipped: Self.hostile)], method: "ibc,bft",
            settings: [("model", Self.hostile), ("images", Self.hostile)],
            skipped: [(Self.hostile, Self.hostile)], warnings: [Self.hostile])
        data.timeline?.admit(Self.hostile)
        data.timeline?.note(Self.hostile, at: 3)
        data.ledger.tuning = try Samples.tuning(best: 1)
        return ReportPage(data).html
    }

    @Test func hostileNamesAreText() throws {
        let page = try hostilePage()
        #expect(!page.contains("<script"))
        #expect(page.contains("&lt;script&gt;"))
        #expect(
            !page.unicodeScalars.contains { $0.value < 9 || $0.value == 0x1B || $0.value == 0x202E }
        )
    }

    @Test func isWellFormed() throws {
        for page in [try hostilePage(), ReportPage(Samples.data()).html] {
            let parser = XMLParser(data: Data(page.utf8))
            #expect(
                parser.parse(),
                "\(String(describing: parser.parserError)) in line \(parser.lineNumber)")
        }
    }

    @Test func refersToNothingElsewhere() throws {
        var page = try hostilePage()
        page.replace("href=\"https://arxiv.org/abs/1906.03193\"", with: "")
        for word in ["http:", "https:", "src=", "@import", "<link", "<script", "<img", "href="] {
            #expect(!page.contains(word), "\(word)")
        }
        let urls = page.components(separatedBy: "url(").dropFirst()
        #expect(urls.allSatisfy { $0.hasPrefix("#") })
    }

    @Test func equalDataGivesEqualPages() {
        #expect(ReportPage(Samples.data()).html == ReportPage(Samples.data()).html)
    }

    @Test func survivesNumbersThatAreNone() {
        let layers = [
            Samples.layer(mssr: (.nan, 0), rqnsr: (.infinity, 0)),
            Samples.layer(channels: 0, mssr: (0, 0), rqnsr: (0, 0)),
            Samples.layer(mssr: (1e300, 1e-300), rqnsr: (1e300, 1e-300)),
        ]
        let page = ReportPage(Samples.data(layers)).html
        #expect(XMLParser(data: Data(page.utf8)).parse())
        #expect(!page.contains("=\"nan") && !page.contains("=\"inf"))
        #expect(XMLParser(data: Data(ReportPage(Samples.data([])).html.utf8)).parse())
    }

    /// A network of 200 layers of 1,000 channels stays a page one can mail.
    @Test func sizeIsBounded() {
        let layers = (0..<200).map { Samples.layer("layer\($0)", channels: 1_000) }
        #expect(ReportPage(Samples.data(layers)).html.utf8.count < 3_000_000)
    }

    @Test func numbers() {
        #expect(NumberText.percent(0.12345) == "12.3\u{A0}%")
        #expect(NumberText.percent(0.012345) == "1.23\u{A0}%")
        #expect(NumberText.fixed(-0.04, 1) == "0.0")
        #expect(NumberText.fixed(-1.25, 1) == "−1.2")
        #expect(NumberText.decibels(.infinity) == "∞\u{A0}dB")
        #expect(NumberText.coordinate(.nan) == "0")
        #expect(NumberText.short(0) == "0")
        #expect(NumberText.count(1, "image") == "1\u{A0}image")
    }

    @Test func axes() {
        let linear = Axis(linear: [0, 17.3], from: 100, to: 0)
        #expect(linear.ticks == [0, 5, 10, 15, 20])
        #expect(linear.position(10) == 50)
        let decades = Axis(logarithmic: [0.001, 0.5], from: 0, to: 3)
        #expect(decades.ticks.count == 4)
        #expect(decades.position(0) == 0)
        #expect(abs(decades.position(0.1) - 2) < 1e-9)
    }
}
