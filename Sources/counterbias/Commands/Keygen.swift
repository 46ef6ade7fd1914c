// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ZeroMQ

struct Keygen: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make CURVE keys for a coordinator and its workers.")

    @Option(help: ArgumentHelp("Folder for the keys; made if missing.", valueName: "DIR"))
    var out: String

    func run() throws {
        try reportingFailures {
            let files = try KeySet.create(in: out)
            for file in files { Console.print(file) }
        }
    }
}
