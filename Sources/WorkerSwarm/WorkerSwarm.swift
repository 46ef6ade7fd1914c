// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Measures what many workers cost a coordinator; `scripts/benchmarks/workers` runs both halves.
@main
struct WorkerSwarm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "WorkerSwarm",
        abstract: "A real coordinator and any number of simulated workers, on loopback.",
        subcommands: [CoordinatorHalf.self, WorkersHalf.self])
}
