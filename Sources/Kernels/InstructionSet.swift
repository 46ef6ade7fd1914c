// SPDX-License-Identifier: Apache-2.0

import CKernels
import Foundation

/// One implementation of all kernels. Every implementation gives the same bits; they differ in
/// speed.
///
/// `@unchecked Sendable`: `table` points to immutable static memory.
package struct InstructionSet: @unchecked Sendable {
    let table: OpaquePointer

    /// Plain C, available everywhere.
    package static let portable = InstructionSet(table: ck_isa_portable())
    /// The fastest one this processor runs.
    package static let best = InstructionSet(table: ck_isa_best())
    /// Every one this processor runs, fastest first.
    package static let available: [InstructionSet] = (0...)
        .lazy.map { ck_isa_available($0) }.prefix { $0 != nil }
        .compactMap { $0.map(InstructionSet.init(table:)) }
    /// What kernels use unless told otherwise: the best, or the one that the environment variable
    /// `COUNTERBIAS_ISA` names.
    package static let current = (try? chosen()) ?? best

    /// - Throws: ``UnknownInstructionSet`` where `COUNTERBIAS_ISA` names none that this processor
    ///   runs.
    package static func chosen() throws(UnknownInstructionSet) -> InstructionSet {
        guard let name = ProcessInfo.processInfo.environment[variable], !name.isEmpty else {
            return best
        }
        guard let choice = available.first(where: { $0.name == name }) else {
            throw UnknownInstructionSet(name: name)
        }
        return choice
    }

    fileprivate static let variable = "COUNTERBIAS_ISA"

    /// `portable`, on x86-64 also `avx2` or `avx512`, on aarch64 also `neon`.
    package var name: String { String(cString: ck_isa_name(table)) }
}

/// The environment asks for kernels that this processor does not run, or that do not exist.
package struct UnknownInstructionSet: Error, CustomStringConvertible {
    /// Value of `COUNTERBIAS_ISA`.
    package var name: String

    package var description: String {
        let names = InstructionSet.available.map(\.name).joined(separator: ", ")
        return "\(InstructionSet.variable)=\(name): this processor runs \(names); name one of "
            + "them, or unset the variable to get the fastest"
    }
}

/// Facts about the processor, for logs and run records.
package enum CPU {
    /// Name of the instruction set the kernels use by default.
    package static var isaName: String { InstructionSet.current.name }
}
