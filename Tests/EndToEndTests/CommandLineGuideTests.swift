// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    @Suite(.serialized) struct CommandLineGuideTests {
        /// `docs/cli.md` is what the parser says today.
        @Test func isUpToDate() throws {
            let outcome = try ChildProcess.run(["--experimental-dump-help"])
            #expect(outcome.status == 0, "\(outcome.log)")
            let guide = try JSONDecoder().decode(
                CommandLineGuide.self, from: Data(outcome.output.utf8))
            let file = Binary.root.appendingPathComponent("docs/cli.md")
            if ProcessInfo.processInfo.environment["COUNTERBIAS_WRITE_DOCS"] != nil {
                try Data(guide.markdown.utf8).write(to: file)
            }
            let written = try String(contentsOf: file, encoding: .utf8)
            let isUpToDate = written == guide.markdown
            #expect(
                isUpToDate,
                """
                docs/cli.md is out of date; to make it again: COUNTERBIAS_WRITE_DOCS=1 swift test \
                --filter CommandLineGuideTests
                """)
        }
    }
}
