// SPDX-License-Identifier: Apache-2.0

/// One network input before normalization: what the coordinator ships to workers.
package struct PreparedImage: Hashable, Sendable {
    /// The values, as a worker gets them.
    package enum Payload: Hashable, Sendable {
        /// `[height][width][channels]` in the network's channel order, still to be normalized.
        case pixels([UInt8])
        /// `[height][width][channels]`, used as it is: from a `.npy` file that is not `uint8`. All
        /// finite.
        case tensor([Float])
    }

    /// Rows.
    package let height: Int
    /// Columns.
    package let width: Int
    /// Of the network's input.
    package let channels: Int
    /// Row-major, as many as ``count``.
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
    /// Elements, whatever their type.
    package var count: Int {
        switch self {
        case .pixels(let pixels): pixels.count
        case .tensor(let values): values.count
        }
    }
}
