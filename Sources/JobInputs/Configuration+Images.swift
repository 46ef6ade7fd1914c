// SPDX-License-Identifier: Apache-2.0

import Calibration
package import Settings

extension Configuration {
    /// Keys that say how many images of the pool something takes, and their values.
    package var imagesAskedFor: [(key: String, count: Int)] {
        var counts: [(key: String, count: Int)] = []
        if quantized == nil { counts.append(("range_images", rangeImages)) }
        if method.contains(.ibc) { counts.append(("ibc_images", ibcImages)) }
        if method.contains(.bft) { counts.append(("bft.images", bft.images)) }
        return counts
    }

    /// Images that a calibration takes of a folder that has more, held-out ones included.
    package var imagesWanted: Int {
        (imagesAskedFor.map(\.count).max() ?? 1) + (guardImages ?? 0)
    }

    /// Index of the right logit of every image, where fine-tuning compares with labels; nil where
    /// it does not.
    /// - Parameters:
    ///   - names: files of the images.
    ///   - classes: logits of the network.
    /// - Returns: an index for each name.
    /// - Throws: ``RunError`` naming the table, and the line or image.
    package func rightLogits(of names: [String], classes: Int) throws -> [Int]? {
        guard method.contains(.bft), bft.loss == .crossEntropy, let file = labels.file else {
            return nil
        }
        let table = try LabelTable(path: file)
        return try names.map { try table.label(of: $0, offset: labels.offset, classes: classes) }
    }
}
