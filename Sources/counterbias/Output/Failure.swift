import ArgumentParser
import Calibration
import Cluster
import Foundation
import Imaging
import ONNXFormat
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
        try body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        // Printed with the usage, exit code 64.
        throw error
    } catch {
        FileHandle.standardError.write(Data("counterbias: \(error)\n".utf8))
        throw ExitCode(exitCode(of: error))
    }
}

extension StorageError {
    fileprivate var isLocked: Bool {
        if case .locked = code { true } else { false }
    }
}

extension ZeroMQError {
    /// Keys, allow-lists and permissions: nothing that waiting would mend.
    fileprivate var concernsKeys: Bool {
        switch code {
        case .keyMalformed, .keyKindMismatch, .keyPairMismatch, .keyFileExposed, .keyFailed,
            .fileUnreadable, .fileExists, .fileWriteFailed, .allowListUnreadable,
            .allowListMalformed, .allowListExposed, .insecureEndpoint, .directoryNotPrivate,
            .permissionDenied:
            true
        default:
            false
        }
    }
}

/// Documented in the help text and the README.
private func exitCode(of error: any Error) -> Int32 {
    switch error {
    case let error as CommandError: error.exitCode
    case is ONNXError, is QDQError, is ImageError, is QuantizationError, is CalibrationError,
        is TuningError, is CheckpointError, is SafetensorsError, is BlobError:
        EX_DATAERR
    case is SettingsError: EX_CONFIG
    case let error as StorageError: error.isLocked ? EX_TEMPFAIL : EX_CANTCREAT
    case let error as ZeroMQError: error.concernsKeys ? EX_NOPERM : EX_UNAVAILABLE
    case is CoordinatorDriver.Interrupted: EX_TEMPFAIL
    case is CoordinatorFailure, is LocalWorkers.Exhausted: EX_SOFTWARE
    default: EX_SOFTWARE
    }
}
