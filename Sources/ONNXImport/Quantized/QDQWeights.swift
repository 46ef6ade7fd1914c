// SPDX-License-Identifier: Apache-2.0

import Quantization

/// Order of weights: taps before inputs in memory (`[outputs, kernelHeight, kernelWidth, inputs]`),
/// inputs before taps in ONNX (`[outputs, inputs, kernelHeight, kernelWidth]`).
enum QDQWeights {
    /// As they are stored: signed ones in two's complement.
    static func toONNX(_ weights: [Int16], outputs: Int, taps: Int, inputs: Int) -> [UInt8] {
        guard taps > 1 else { return weights.truncating(to: UInt8.self) }
        var ordered = [UInt8](repeating: 0, count: weights.count)
        for output in 0..<outputs {
            let base = output * taps * inputs
            for tap in 0..<taps {
                for input in 0..<inputs {
                    ordered[base + input * taps + tap] =
                        UInt8(truncatingIfNeeded: weights[base + tap * inputs + input])
                }
            }
        }
        return ordered
    }

    static func fromONNX(_ weights: [Int], outputs: Int, taps: Int, inputs: Int) -> [Int16] {
        var ordered = [Int16](repeating: 0, count: weights.count)
        for output in 0..<outputs {
            let base = output * taps * inputs
            for tap in 0..<taps {
                for input in 0..<inputs {
                    ordered[base + tap * inputs + input] =
                        Int16(truncatingIfNeeded: weights[base + input * taps + tap])
                }
            }
        }
        return ordered
    }

    /// A matrix `[rows, columns]` as `[columns, rows]`.
    static func transposed(_ values: [Int], rows: Int, columns: Int) -> [Int] {
        var result = values
        for row in 0..<rows {
            for column in 0..<columns {
                result[column * rows + row] = values[row * columns + column]
            }
        }
        return result
    }
}
