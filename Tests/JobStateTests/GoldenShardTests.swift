// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernels
import Storage
import Testing

@testable import JobState

/// Written down once: another digest means that this build computes other bits than every release
/// before it.
private let pinned = "9bbb86d28b4a0fe2bec43849c7c0fd0b9286f20dea9af25a72ab81694ffca83e"

@Suite struct GoldenShardTests {
    @Test func digestIsPinned() {
        #expect(GoldenShard.digest.hex == pinned)
    }

    @Test func portableKernelsGiveTheSameDigest() async {
        await #expect(processExitsWith: .success) {
            setenv("COUNTERBIAS_ISA", "portable", 1)
            precondition(CPU.isaName == "portable")
            precondition(GoldenShard.digest.hex == pinned)
        }
    }

    @Test func unknownInstructionSetsAreRefused() async {
        await #expect(processExitsWith: .success) {
            setenv("COUNTERBIAS_ISA", "sse9", 1)
            do throws(UnknownInstructionSet) {
                _ = try InstructionSet.chosen()
                preconditionFailure("sse9 was accepted")
            } catch {
                precondition(error.description.contains("COUNTERBIAS_ISA=sse9"))
                precondition(error.description.contains("portable"))
            }
        }
    }
}
