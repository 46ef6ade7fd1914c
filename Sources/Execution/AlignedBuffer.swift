// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Heap memory aligned to 64 bytes, uninitialized, freed with its last reference.
package final class AlignedBuffer: @unchecked Sendable {
    // Sendable: the memory has one writer at a time, the run that took the buffer from its pool.
    /// Aligned to 64 bytes; valid as long as the buffer lives.
    package let pointer: UnsafeMutableRawPointer
    /// At least 64.
    package let byteCount: Int

    /// `byteCount` bytes, at least 64, whose contents are undefined.
    package init(byteCount: Int) {
        self.byteCount = max(byteCount, 64)
        pointer = .allocate(byteCount: self.byteCount, alignment: 64)
    }

    deinit { pointer.deallocate() }

    /// `byteCount / 4` elements.
    package var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
    /// `byteCount` elements.
    package var bytes: UnsafeMutablePointer<UInt8> { pointer.assumingMemoryBound(to: UInt8.self) }
    /// `byteCount / 2` elements.
    package var uint16s: UnsafeMutablePointer<UInt16> {
        pointer.assumingMemoryBound(to: UInt16.self)
    }
    /// `byteCount / 4` elements.
    package var int32s: UnsafeMutablePointer<Int32> { pointer.assumingMemoryBound(to: Int32.self) }
}

/// What one compute thread reuses between images: activation buffers and kernel scratch.
///
/// Large blocks go back to the kernel when freed and fault in again when allocated, which costs as
/// much as a layer's arithmetic; so they are kept.
package final class Workspace {
    private var free: [AlignedBuffer] = []
    private var scratch = AlignedBuffer(byteCount: 64)

    /// Holds no buffers yet.
    package init() {}

    /// A buffer of at least `byteCount` bytes and at most twice that, contents undefined.
    package func take(byteCount: Int) -> AlignedBuffer {
        var best: Int?
        for (index, buffer) in free.enumerated()
        where buffer.byteCount >= byteCount && buffer.byteCount <= 2 * max(byteCount, 64) {
            if let current = best, free[current].byteCount <= buffer.byteCount { continue }
            best = index
        }
        if let best { return free.remove(at: best) }
        return AlignedBuffer(byteCount: byteCount)
    }

    /// Bytes of the buffers that nobody holds, scratch not among them.
    package var freeBytes: Int { free.reduce(0) { $0 + $1.byteCount } }

    /// Takes back a buffer that nobody uses any more, for ``take(byteCount:)``.
    package func give(_ buffer: AlignedBuffer) { free.append(buffer) }

    /// Kernel scratch of at least `byteCount` bytes, valid until the next call.
    package func scratch(byteCount: Int) -> UnsafeMutableRawPointer {
        if scratch.byteCount < byteCount { scratch = AlignedBuffer(byteCount: byteCount) }
        return scratch.pointer
    }
}
