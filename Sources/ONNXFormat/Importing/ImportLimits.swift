// SPDX-License-Identifier: Apache-2.0

/// Bounds on sizes taken from a file, far above real networks, that keep arithmetic on them exact
/// and allocations sane.
enum ImportLimits {
    /// Rows, columns, channels, batch, pads.
    static let extent = 1 << 20
    /// Kernel extents, strides and dilations.
    static let window = 1 << 12
    /// Elements of one image's feature map.
    static let featureMap = 1 << 31
    /// Nodes of a graph.
    static let nodes = 20_000
    /// Elements of a tensor that the importer computes, unless its operands are larger.
    static let computed = 1 << 22
    /// Elements of all tensors that the importer computes.
    static let allComputed = 1 << 29
}
