import ArgumentParser
import Foundation

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where a job stands, from its folder alone; starts and writes nothing.",
        discussion: """
            Exit codes: 0 the state could be read, whatever it is; 65 the checkpoint is damaged or of a later \
            release; 66 there is no folder or no job in it.
            """)

    @Argument(help: ArgumentHelp("Folder of the results.", valueName: "OUT"))
    var out: String

    @Flag(help: "Print the status as one JSON object.")
    var json = false

    func run() throws {
        try reportingFailures {
            let report = try StatusReport(out: out)
            if json {
                try Console.print(json: report.status)
            } else {
                Console.print(report.table)
            }
        }
    }
}
