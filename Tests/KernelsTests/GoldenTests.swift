import KernelGoldens
import Kernels
import Testing

/// The digests that `scripts/check-kernels` compares on other instruction sets.
@Suite struct GoldenTests {
    @Test(arguments: 0..<kg_count())
    func digestsAreUnchanged(index: Int) {
        let name = String(cString: kg_name(index))
        #expect(kg_digest(ck_isa_portable(), index) == kg_expected(index), "portable, \(name)")
        #expect(kg_digest(ck_isa_best(), index) == kg_expected(index), "\(name)")
    }

    @Test func portableIsAlwaysAvailable() {
        #expect(InstructionSet.available.first?.name == "portable")
        #expect(InstructionSet.available.contains { $0.name == CPU.isaName })
    }
}
