// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import ONNXModel
import QDQ
import Storage

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a bias patch on a model, or take it off.",
        discussion: """
            Every calibration leaves bias.patch.safetensors: old and new values of each bias, and the SHA-256 of the model it \
            fits. Taking it off gives the bytes from before.
            """)

    @Option(help: ArgumentHelp("8-bit QDQ model.", valueName: "M.int8.onnx"))
    var model: String

    @Option(help: ArgumentHelp("Bias patch.", valueName: "bias.patch.safetensors"))
    var patch: String

    @Option(help: ArgumentHelp("File of the result.", valueName: "N.onnx"))
    var out: String

    @Flag(help: "Take the patch off.")
    var revert = false

    func run() throws {
        try reportingFailures {
            let bytes = try Self.read(model)
            let biases = try BiasPatch(decoding: try Self.read(patch), file: patch)
            let result: [UInt8]
            do throws(BiasPatchError) {
                result = revert ? try biases.revert(from: bytes) : try biases.apply(to: bytes)
            } catch {
                var error = error
                error.model = model
                error.patch = patch
                throw error
            }
            try AtomicFile.write(result, to: out)
            Console.print("\(out): SHA-256 \(Digest.sha256(of: result).hex)")
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        do {
            return try POSIXFileSystem().read(path, limit: ONNXDocument.maximumBytes)
        } catch {
            throw CommandError(EX_DATAERR, "\(path): cannot be read (\(error.reason))")
        }
    }
}
