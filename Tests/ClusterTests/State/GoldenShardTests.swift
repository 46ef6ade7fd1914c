import Foundation
import Kernels
import Storage
import Testing

@testable import Cluster

/// Written down once: another digest means that this build computes other bits than every release before it.
private let pinned = "4090ac062e2cadf0cf2179e199aca27c629d64a2f3ee1827afd5f4267f7e4f5b"

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
}
