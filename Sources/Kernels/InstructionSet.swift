import CKernels

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
    /// `COUNTERBIAS_ISA` names if this processor runs it.
    package static let current = InstructionSet(table: ck_isa_default())

    /// `portable`, on x86-64 also `avx2` or `avx512`, on aarch64 also `neon`.
    package var name: String { String(cString: ck_isa_name(table)) }
}

/// Facts about the processor, for logs and run records.
package enum CPU {
    /// Name of the instruction set the kernels use by default.
    package static var isaName: String { InstructionSet.current.name }
}
