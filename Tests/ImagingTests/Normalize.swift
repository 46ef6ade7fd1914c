// SPDX-License-Identifier: Apache-2.0

import Imaging

/// The network input a prepared image stands for, `[height][width][channels]`.
func normalize(_ image: PreparedImage, _ preprocessing: Preprocessing) -> [Float] {
    switch image.payload {
    case .tensor(let values):
        return values
    case .pixels(let pixels):
        let tables = preprocessing.lookupTables()
        return pixels.enumerated().map { tables[$0 % image.channels][Int($1)] }
    }
}
