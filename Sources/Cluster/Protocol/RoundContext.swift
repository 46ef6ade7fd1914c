// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Storage

/// What a round's tasks have in common.
package struct RoundContext: Hashable, Sendable {
    /// Blob of the float network.
    package var network: Digest
    /// Blob of the quantized network; nil before there is one.
    package var quantized: Digest?
    /// From the network to the one that was quantized, in rounds that need it; nil where their
    /// channels are the same.
    package var rescaling: Digest?
    /// Little-endian int32, layer after layer; empty before the network is quantized.
    package var biases: [UInt8]
    /// SHA-256 of ``biases``, made by the initializer; results name it.
    package var biasDigest: Digest
    /// The images that the shards' positions count in, in order.
    package var images: [ImageReference]
    /// What the network should answer on each of them, as blobs; nil in rounds without a loss.
    package var targets: [Digest]?
    /// Of its results; nil takes any, for transcripts whose results nobody computed.
    package var shape: ResultShape?

    /// Memberwise, and hashes the biases.
    package init(
        network: Digest, quantized: Digest?, rescaling: Digest? = nil, biases: [UInt8],
        images: [ImageReference], targets: [Digest]? = nil, shape: ResultShape? = nil
    ) {
        self.network = network
        self.quantized = quantized
        self.rescaling = rescaling
        self.biases = biases
        self.targets = targets
        self.shape = shape
        biasDigest = Digest.sha256(of: biases)
        self.images = images
    }
}
