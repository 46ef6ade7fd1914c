// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Calibrating
import Foundation
import Storage

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where a job stands, from its folder alone; starts and writes nothing.",
        discussion: """
            Exit codes: 0 the state could be read, whatever it is; 65 the checkpoint is damaged or of a later \
            release; 66 there is no folder, no job in it, or it cannot be read.
            """)

    @Argument(help: ArgumentHelp("Folder of the results.", valueName: "OUT"))
    var out: String

    @Flag(help: "Print the status as one JSON object.")
    var json = false

    func run() throws {
        try reportingFailures {
            let report = try readReport()
            if json {
                try Console.print(json: report.status)
            } else {
                Console.print(report.table)
            }
        }
    }

    /// What the system does not let us read is as good as absent.
    private func readReport() throws -> StatusReport {
        do {
            return try StatusReport(out: out)
        } catch let error as StorageError {
            switch error.code {
            case .system, .foreignLock, .notRegularFile:
                throw CommandError(EX_NOINPUT, "\(error)")
            default: throw error
            }
        }
    }
}
