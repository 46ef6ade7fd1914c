// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Calibration
import Cluster
import Foundation
import Imaging
import JobInputs
import JobState
import Kernels
import Logging
import ONNXImport
import ONNXModel
import PrintableText
import QDQ
import Quantization
import Settings
import Storage
import ZeroMQ

/// A problem of the command line itself: files beside each other that do not fit.
struct CommandError: Error, CustomStringConvertible {
    var exitCode: Int32
    var description: String

    init(_ exitCode: Int32, _ description: String) {
        self.exitCode = exitCode
        self.description = description
    }
}

/// Runs a command's body; an error becomes one line on stderr and a documented exit code.
func reportingFailures(_ body: () throws -> Void) throws {
    do {
        _ = try InstructionSet.chosen()
        try body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        // Printed with the usage, exit code 64.
        throw error
    } catch {
        let code = exitCode(of: error)
        switch Console.logFormat {
        // Only obstacles in a model have a line each, and names in them none.
        case .text: Console.fail(error is ONNXError ? "\(error)" : "\(error)".oneLine)
        case .json:
            JSONLogHandler.write(
                level: .critical, logger: "counterbias", event: "failed",
                metadata: [
                    "error": "\(error)".cut(bytes: 4 * PrintableText.lineBytes),
                    "exit_code": "\(code)",
                ])
        }
        throw ExitCode(code)
    }
}

extension String {
    fileprivate var oneLine: String { printable(bytes: PrintableText.lineBytes) }
}

extension RunError.Kind {
    fileprivate var exitCode: Int32 {
        switch self {
        case .configuration: EX_CONFIG
        case .data: EX_DATAERR
        case .missing: EX_NOINPUT
        case .output: EX_CANTCREAT
        case .unfinishedJob: EX_TEMPFAIL
        case .workers: EX_PROTOCOL
        }
    }
}

extension StorageError {
    fileprivate var exitCode: Int32 {
        switch code {
        case .locked: EX_TEMPFAIL
        case .noIntactCheckpoint: EX_DATAERR
        case .system, .notRegularFile, .foreignLock, .tooLarge, .generationsExhausted: EX_CANTCREAT
        }
    }
}

extension ZeroMQError {
    /// Keys, allow-lists and permissions: nothing that waiting would mend.
    fileprivate var concernsKeys: Bool {
        switch code {
        case .keyMalformed, .keyKindMismatch, .keyPairMismatch, .keyFileExposed, .keyFailed,
            .keyFileReplaceable,
            .fileUnreadable, .fileExists, .fileWriteFailed, .allowListUnreadable,
            .allowListMalformed, .allowListExposed, .insecureEndpoint, .directoryNotPrivate,
            .permissionDenied:
            true
        default:
            false
        }
    }
}

/// Documented in the help text and docs/operations.md.
private func exitCode(of error: any Error) -> Int32 {
    switch error {
    case let error as CommandError: error.exitCode
    case let error as RunError: error.kind.exitCode
    case is ONNXError, is QDQError, is BiasPatchError, is ImageError, is QuantizationError,
        is CalibrationError,
        is TuningError, is CheckpointError, is SafetensorsError, is BlobError:
        EX_DATAERR
    case is SettingsError, is UnknownInstructionSet: EX_CONFIG
    case let error as StorageError: error.exitCode
    case is DescriptorLimit.TooFew: EX_OSERR
    // Trying again would not mend it.
    case let error as ZeroMQError where error.code == .endpointInvalid: EX_USAGE
    case let error as ZeroMQError: error.concernsKeys ? EX_NOPERM : EX_UNAVAILABLE
    case is CoordinatorDriver.Interrupted, is PreparedPool.Stopped: EX_TEMPFAIL
    case is CoordinatorFailure, is LocalWorkers.Exhausted: EX_SOFTWARE
    default: EX_SOFTWARE
    }
}
