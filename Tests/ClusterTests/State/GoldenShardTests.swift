import Foundation
import Kernels
import Storage
import Testing

@testable import Cluster

/// Written down once: another digest means that this build computes other bits than every release before it.
private let pinned = "833db26d90283c01fc82eaea2ba9dad64a3204d64463978fe6001a76ce4be76a"

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
