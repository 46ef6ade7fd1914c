extension Node {
    /// What the node is, in the terms people use: "depthwise 3×3 s2", "pointwise", "global average pool".
    package var kind: String { "" }
}
