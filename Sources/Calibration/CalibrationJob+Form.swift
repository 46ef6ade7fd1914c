import NetworkGraph

extension CalibrationJob {
    /// Whether a result has the form of every honest result of that shard: its size, and the images it claims to
    /// cover. Its numbers can still be wrong.
    package func fits(_ payload: [UInt8], of shard: Shard, in kind: RoundKind) -> Bool {
        let convolved = ChannelLayout(network.graph, convolutionsOnly: true).total
        switch kind {
        case .statistics:
            let channels = ChannelLayout(network.graph).total
            return payload.count == 8 + 2 * 4 + channels * (3 * 8 + 2 * 4)
                && payload.claimedImages == shard.images.count
        case .histograms:
            return payload.count == 8 + 8 * network.graph.nodes.count * ActivationHistograms.bins
                && payload.claimedImages == shard.images.count
        case .layerSums(let layer, let match):
            let nodes = network.graph.convolutions
            guard nodes.indices.contains(layer) else { return false }
            let channels = network.graph.nodes[nodes[layer]].shape.channels
            return payload.count == LayerSums.payloadBytes(channels: channels, match)
        case .measure:
            return payload.count == 8 + 4 * 8 * convolved
                && payload.claimedImages == shard.images.count
        case .teacher:
            let classes = network.graph.shape(of: network.graph.output.value).count
            return payload.count == 4 * classes * shard.images.count
        case .loss:
            return payload.count == 8 + 8 && payload.claimedImages == shard.images.count
        case .gradient:
            return payload.count == 8 + 8 + 8 * convolved
                && payload.claimedImages == shard.images.count
        }
    }
}

extension [UInt8] {
    /// The number most results begin with.
    fileprivate var claimedImages: Int {
        withUnsafeBytes { Int(Int64(littleEndian: $0.loadUnaligned(as: Int64.self))) }
    }
}
