// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Calibrating
import Foundation
import Report
import Storage

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write the report of a finished run again, from its folder alone.",
        discussion: """
            Exit codes: 0 written; 65 ledger.json or run.json is damaged or of another release; 66 the folder holds no finished \
            run; 73 the page cannot be written.
            """)

    @Argument(help: ArgumentHelp("Folder of the results.", valueName: "OUT"))
    var out: String

    @Option(
        name: .customLong("out"), help: ArgumentHelp("Default: OUT/report.html.", valueName: "FILE")
    )
    var file: String?

    func run() throws {
        try reportingFailures {
            let data = try ReportFolder(out: out).data()
            let path = file ?? out + "/report.html"
            try AtomicFile.write(ReportPage(data).html, to: path)
            Console.print(path)
        }
    }
}
