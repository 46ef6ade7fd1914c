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
    /// Every one this processor runs.
    package static let available: [InstructionSet] =
        best.name == portable.name ? [portable] : [portable, best]
    /// What kernels use unless told otherwise: the best, or the portable one if the environment
    /// variable `COUNTERBIAS_ISA` is `portable`.
    package static let current = InstructionSet(table: ck_isa_default())

    /// `portable` or `avx2`.
    package var name: String { String(cString: ck_isa_name(table)) }
}

/// Facts about the processor, for logs and run records.
package enum CPU {
    /// Name of the instruction set the kernels use by default.
    package static var isaName: String { InstructionSet.current.name }
}
