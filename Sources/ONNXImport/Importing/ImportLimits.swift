// SPDX-License-Identifier: Apache-2.0

/// Bounds on what an ONNX file makes the importer do, besides `SizeLimits`: far above real
/// networks, that keep arithmetic on them exact and allocations sane.
enum ImportLimits {
    /// Nodes of a graph.
    static let nodes = 20_000
    /// Elements of a tensor that the importer computes, unless its operands are larger.
    static let computed = 1 << 22
    /// Elements of all tensors that the importer computes.
    static let allComputed = 1 << 29
}
