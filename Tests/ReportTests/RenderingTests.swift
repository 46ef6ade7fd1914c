// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Testing

@testable import Report

/// The page in a real browser.
@Suite(.serialized, .enabled(if: Chromium.isUsable)) struct RenderingTests {
    private let page: String
    private let folder: URL

    init() throws {
        let layers = (0..<60).map {
            Samples.layer(
                "block_\($0)/" + String(repeating: "expanded_conv_depthwise/", count: 6),
                channels: 64)
        }
        var data = Samples.data(layers, method: "ibc,bft", skipped: [(PageTests.hostile, "broken")])
        data.ledger.tuning = try Samples.tuning(best: 1)
        page = ReportPage(data).html
        folder = FileManager.default.temporaryDirectory.appending(
            path: "report-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Blank pages compress to next to nothing; light and dark differ.
    @Test func showsSomething() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let picture = folder.appending(path: "page.png")
        let outcome = try Chromium.run(
            page, in: folder,
            ["--screenshot=" + picture.path, "--window-size=1100,3000", "--hide-scrollbars"])
        #expect(!outcome.log.contains("CONSOLE"), "\(outcome.log)")
        let bytes = try Data(contentsOf: picture)
        #expect(bytes.count > 60_000)
    }

    /// A script added by the test alone measures what the layout made of the page.
    @Test(arguments: [1_100, 500]) func nothingIsWiderThanThePage(width: Int) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = """
            <script>
            window.onerror = function (m) { document.title = "ERROR " + m; };
            window.onload = function () {
              var wide = [], limit = document.documentElement.clientWidth;
              document.querySelectorAll("main *").forEach(function (e) {
                if (e.closest("svg, .chart, .scroll, .hidden")) { return; }
                var box = e.getBoundingClientRect();
                if (box.right - limit > 1 || -1 - box.left > 0) { wide.push(e.tagName + "." + e.className); }
              });
              var all = document.documentElement.scrollWidth;
              document.title = "MEASURED " + (all - limit) + " [" + wide.join(" ") + "]";
            };
            </script></body>
            """
        let outcome = try Chromium.run(
            page.replacingOccurrences(of: "</body>", with: script), in: folder,
            ["--dump-dom", "--window-size=\(width),1200"])
        #expect(outcome.title == "MEASURED 0 []")
    }
}
