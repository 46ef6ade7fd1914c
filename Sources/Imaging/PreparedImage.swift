// SPDX-License-Identifier: Apache-2.0

/// One network input before normalization: what the coordinator ships to workers.
package struct PreparedImage: Hashable, Sendable {
    package enum Payload: Hashable, Sendable {
        /// `[height][width][channels]` in the network's channel order, still to be normalized.
        case pixels([UInt8])
        /// `[height][width][channels]`, used as it is: from a `.npy` file that is not `uint8`. All
        /// finite.
        case tensor([Float])
    }

    package let height: Int
    package let width: Int
    package let channels: Int
    package let payload: Payload

    /// `payload` has exactly `height * width * channels` elements.
    package init(height: Int, width: Int, channels: Int, payload: Payload) {
        self.height = height
        self.width = width
        self.channels = channels
        self.payload = payload
        precondition(payload.count == height * width * channels)
    }

    /// Elements.
    package var count: Int { height * width * channels }
}

extension PreparedImage.Payload {
    package var count: Int {
        switch self {
        case .pixels(let pixels): pixels.count
        case .tensor(let values): values.count
        }
    }
}
