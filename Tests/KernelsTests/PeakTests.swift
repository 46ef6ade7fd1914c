// SPDX-License-Identifier: Apache-2.0

import Kernels
import Testing

@Suite struct PeakTests {
    @Test func operationsGrowWithRounds() {
        for isa in InstructionSet.available {
            let float = ArithmeticPeak.float(rounds: 1, isa: isa)
            let integer = ArithmeticPeak.integer(rounds: 1, isa: isa)
            #expect(float > 0 && integer > 0, "\(isa.name)")
            #expect(ArithmeticPeak.float(rounds: 1000, isa: isa) == 1000 * float, "\(isa.name)")
            #expect(
                ArithmeticPeak.integer(rounds: 1000, isa: isa) == 1000 * integer, "\(isa.name)")
        }
    }
}
