import Foundation
import Kernels
import Storage
import Testing

@testable import Cluster

/// Written down once: another digest means that this build computes other bits than every release before it.
private let pinned = "5e5deb147748b1899d192cf6376e892ed759c2063a891eb6192fbc9147c4658c"

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
