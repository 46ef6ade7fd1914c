// SPDX-License-Identifier: Apache-2.0

import KernelGoldens
import Kernels
import Testing

/// The digests that `scripts/checks/check-kernels` compares on other instruction sets.
@Suite struct GoldenTests {
    @Test(arguments: 0..<kg_count())
    func digestsAreUnchanged(index: Int) {
        let name = Self.name(index)
        for choice: Int32 in 0... {
            guard let isa = ck_isa_available(choice) else { break }
            let isaName = String(cString: ck_isa_name(isa))
            #expect(kg_digest(isa, index) == kg_expected(index), "\(isaName), \(name)")
        }
    }

    @Test func everyCaseHasItsName() {
        #expect(Set((0..<kg_count()).map(Self.name)).count == kg_count())
        #expect(kg_recorded() == kg_count())
    }

    private static func name(_ index: Int) -> String {
        String(cString: kg_family(index)) + ", " + String(cString: kg_name(index))
    }

    @Test func portableIsAlwaysAvailable() {
        #expect(InstructionSet.available.last?.name == "portable")
        #expect(InstructionSet.available.contains { $0.name == CPU.isaName })
    }
}
