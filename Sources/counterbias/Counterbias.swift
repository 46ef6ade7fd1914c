// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Release

@main
struct Counterbias: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counterbias",
        abstract: "Repairs 8-bit quantized convolutional networks by changing only their biases.",
        discussion: """
            Exit codes: 0 done; 64 wrong arguments; 65 unusable model, image, label or checkpoint, or another job's; 66 nothing there to \
            read; 69 no \
            connection or not admitted; 70 a shard cannot be computed; 71 too few open files allowed; 73 results cannot be written; \
            75 stopped or already running, resume later; 77 keys or permissions; 78 configuration.
            """,
        version: Build.version,
        subcommands: [
            Calibrate.self, Evaluate.self, Apply.self, Coordinator.self, Worker.self, Status.self,
            ReportCommand.self,
            Inspect.self, Bench.self, Keygen.self,
        ])
}
