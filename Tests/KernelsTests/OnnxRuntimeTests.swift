// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import Testing

// Bytes are written in hexadecimal, images NHWC.

/// Of an operator of two operands of equal shape.
struct PairVector {
    let a: String
    let b: String
    let output: String
    let quantizationA: ByteQuantization
    let quantizationB: ByteQuantization
    let result: ByteQuantization
}

struct PoolVector {
    let input: String
    let output: String
    let shape: TensorShape
    let window: Window
    let countIncludePad: Bool
    let quantization: ByteQuantization
    let result: ByteQuantization
}

/// A 3×3 convolution of 7×7×6, stride (1, 2), pads top 1, left 0, bottom 1, right 2; weights in
/// the order of the kernels.
struct ConvolutionVector {
    let input: String
    let output: String
    let weights: String
    let bias: [Int32]
    let groups: Int
    let inputZeroPoint: UInt8
    let weightZeroPoint: Int16
    let multiplier: Float
    let zeroPoint: UInt8
}

/// Integer operators against results of ONNX Runtime itself
/// (scripts/fixtures/make-kernel-vectors.py).
@Suite struct OnnxRuntimeTests {
    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] * 16 + digits[$0 + 1])
        }
    }

    @Test func additions() {
        #expect(!addVectors.isEmpty)
        for (index, vector) in addVectors.enumerated() {
            let (a, b, expected) = (bytes(vector.a), bytes(vector.b), bytes(vector.output))
            for isa in InstructionSet.available {
                let output = Buffer<UInt8>(count: a.count)
                IntegerKernels.add(
                    Buffer(a).pointer, vector.quantizationA, Buffer(b).pointer,
                    vector.quantizationB, count: a.count, result: vector.result, output.pointer,
                    isa: isa)
                #expect(output.values == expected, "case \(index), \(isa.name)")
            }
        }
    }

    @Test func products() {
        // Where zero points lie at the ends of the range, everything may saturate.
        #expect(multiplyVectors.filter { Set(bytes($0.output)).count > 50 }.count >= 2)
        for (index, vector) in multiplyVectors.enumerated() {
            let (a, b, expected) = (bytes(vector.a), bytes(vector.b), bytes(vector.output))
            for isa in InstructionSet.available {
                let output = Buffer<UInt8>(count: a.count)
                IntegerKernels.multiply(
                    Buffer(a).pointer, vector.quantizationA, Buffer(b).pointer,
                    vector.quantizationB,
                    shape: TensorShape(height: 1, width: 1, channels: a.count),
                    broadcasts: false, result: vector.result, output.pointer, isa: isa)
                #expect(output.values == expected, "case \(index), \(isa.name)")
            }
        }
    }

    @Test(arguments: [averagePoolVectors, wholeAveragePoolVectors])
    func averagePools(vectors: [PoolVector]) {
        #expect(!vectors.isEmpty)
        for (index, vector) in vectors.enumerated() {
            let expected = bytes(vector.output)
            for isa in InstructionSet.available {
                let output = Buffer<UInt8>(count: expected.count)
                IntegerKernels.averagePool(
                    Buffer(bytes(vector.input)).pointer, vector.quantization, shape: vector.shape,
                    window: vector.window, countIncludePad: vector.countIncludePad,
                    result: vector.result, output.pointer, isa: isa)
                #expect(output.values == expected, "case \(index), \(isa.name)")
            }
        }
    }

    @Test func globalAveragePools() {
        #expect(!globalAveragePoolVectors.isEmpty)
        for (index, vector) in globalAveragePoolVectors.enumerated() {
            let expected = bytes(vector.output)
            for isa in InstructionSet.available {
                let output = Buffer<UInt8>(count: expected.count)
                IntegerKernels.globalAveragePool(
                    Buffer(bytes(vector.input)).pointer, vector.quantization, shape: vector.shape,
                    result: vector.result, output.pointer, isa: isa)
                #expect(output.values == expected, "case \(index), \(isa.name)")
            }
        }
    }

    @Test func convolutions() {
        #expect(!convolutionVectors.isEmpty)
        let window = Window(
            kernelHeight: 3, kernelWidth: 3, strideWidth: 2, padTop: 1, padBottom: 1, padRight: 2)
        for (index, vector) in convolutionVectors.enumerated() {
            let channels = vector.bias.count
            for isa in InstructionSet.available {
                let kernel = IntegerConvolution(
                    input: TensorShape(height: 7, width: 7, channels: 6),
                    output: TensorShape(height: 7, width: 4, channels: channels),
                    convolution: Convolution(window: window, groups: vector.groups),
                    weights: bytes(vector.weights).map { Int16($0) - vector.weightZeroPoint },
                    inputZeroPoint: vector.inputZeroPoint, isa: isa)
                let output = Buffer<UInt8>(count: 7 * 4 * channels)
                kernel.run(
                    Buffer(bytes(vector.input)).pointer, output.pointer,
                    bias: Buffer(vector.bias).pointer,
                    requantization: Requantization(
                        multipliers: Array(repeating: vector.multiplier, count: channels),
                        zeroPoint: vector.zeroPoint),
                    scratch: Buffer<UInt8>(count: kernel.scratchBytes).pointer)
                #expect(output.values == bytes(vector.output), "case \(index), \(isa.name)")
            }
        }
    }
}
