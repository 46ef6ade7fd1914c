// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Cluster
import Foundation
import Logging
import Settings
import ZeroMQ

struct Coordinator: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Quantize a model and correct its biases with workers that connect over the network.")

    @OptionGroup var flags: ConfigurationFlags

    @Option(help: ArgumentHelp("Endpoint to bind.", valueName: "tcp://HOST:PORT"))
    var listen: String?

    @Option(help: ArgumentHelp("Secret key of this coordinator.", valueName: "FILE"))
    var key: String?

    @Option(
        help: ArgumentHelp("Folder of admitted workers' public keys (*.pub).", valueName: "DIR"))
    var allow: String?

    @Flag(help: "Bind off loopback without keys: anybody who reaches the port can read the job.")
    var insecure = false

    func run() throws {
        try reportingFailures {
            let logger = flags.logging.logger("counterbias", default: .info)
            // Every connection takes one, also those that never become workers.
            try DescriptorLimit.raise()
            let (configuration, origin) = try flags.resolved(listen: listen)
            guard let listen = configuration.cluster.listen else {
                throw ValidationError("--listen (or cluster.listen in the file) is missing")
            }
            let stop = try StopSignal()
            if allow != nil { ReloadSignal.install() }
            let listener = try CoordinatorListener(
                CoordinatorAddress(
                    endpoint: try Endpoint(listen), security: try security(), insecure: insecure),
                logger: logger)
            defer { listener.close() }
            try flags.calibrate(
                configuration, origin, listener: listener, stop: stop, logger: logger)
        }
    }

    private func security() throws -> ServerSecurity {
        switch (key, allow) {
        case (nil, nil): return .none
        case (let key?, let allow?):
            return .curve(try KeyFile.readSecret(key), allowList: AllowList(path: allow))
        default:
            throw ValidationError(
                "--key and --allow belong together: without a list every key would be admitted")
        }
    }
}
