// SPDX-License-Identifier: Apache-2.0

package import Kernels
package import NetworkGraph
package import Quantization

/// The scalar twin of an operator without weights: what its passes must give, element by element.
/// Random networks, the oracles of all executors and the evaluation by definition go through it.
package protocol OperatorTwin: OperatorForm {
    /// Extents of the result, independent of the shape inference under test.
    func extents(_ inputs: [TensorShape]) -> TensorShape

    /// By definition, in front of the clamp.
    func doubles(_ call: TwinCall<Double>) -> [Double]

    /// Under the numerics contract, in front of the clamp.
    func floats(_ call: TwinCall<Float>) -> [Float]

    /// Stored values of the result, clamp included.
    func bytes(_ call: ByteTwinCall) -> [UInt8]

    /// Where gradients pass, one list per mask that the backward pass keeps.
    func passes(_ call: ByteTwinCall) -> [[Bool]]

    /// Gradients of all operands, from the result's in front of its masks.
    func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]]
}

/// Operands of one node for one image.
package struct TwinCall<Element> {
    package var inputs: [[Element]]
    package var shapes: [TensorShape]
    /// Of the result.
    package var shape: TensorShape

    package init(inputs: [[Element]], shapes: [TensorShape], shape: TensorShape) {
        self.inputs = inputs
        self.shapes = shapes
        self.shape = shape
    }
}

/// Operands of one quantized node for one image.
package struct ByteTwinCall {
    package var inputs: [[UInt8]]
    package var from: [ByteQuantization]
    package var shapes: [TensorShape]
    /// Of the result.
    package var shape: TensorShape
    package var target: TensorQuantization
    package var clamp: Clamp

    package init(
        inputs: [[UInt8]], from: [ByteQuantization], shapes: [TensorShape], shape: TensorShape,
        target: TensorQuantization, clamp: Clamp
    ) {
        self.inputs = inputs
        self.from = from
        self.shapes = shapes
        self.shape = shape
        self.target = target
        self.clamp = clamp
    }

    /// The result's quantization with the clamp as quantized bounds: the smallest and the largest
    /// stored value inside them.
    package var bounded: ByteQuantization { ByteQuantization(twin: target, clamp: clamp) }
    /// The same without bounds.
    package var free: ByteQuantization { ByteQuantization(twin: target, clamp: .none) }

    /// An operand as real values.
    package func real(_ operand: Int) -> [Float] {
        ScalarReference.dequantize(
            inputs[operand], scale: from[operand].scale, zeroPoint: from[operand].zeroPoint)
    }

    /// Clip, QuantizeLinear as the exported nodes say it.
    package func quantized(_ real: [Float]) -> [UInt8] {
        ScalarReference.quantize(
            ScalarReference.clamp(real, clamp: clamp), scale: free.scale,
            zeroPoint: free.zeroPoint)
    }

    /// The same operands as real values.
    package var reals: TwinCall<Float> {
        TwinCall(inputs: inputs.indices.map { real($0) }, shapes: shapes, shape: shape)
    }

    /// The result's gradient behind a mask.
    package func masked(_ arrived: [Float], by passes: [Bool]) -> [Float] {
        var unused = [Double](repeating: 0, count: shape.channels)
        return ScalarReference.mask(arrived, by: passes, sums: &unused)
    }
}

extension ByteQuantization {
    package init(twin quantization: TensorQuantization, clamp: Clamp) {
        let zero = Double(quantization.zeroPoint + quantization.type.offset)
        func bound(_ value: Float?, _ otherwise: UInt8) -> UInt8 {
            guard let value else { return otherwise }
            let steps = (Double(value) / Double(quantization.scale)).rounded(.toNearestOrEven)
            return UInt8(min(max(steps + zero, 0), 255))
        }
        self.init(
            scale: quantization.scale, zeroPoint: UInt8(zero), lower: bound(clamp.lower, 0),
            upper: bound(clamp.upper, 255))
    }
}

extension OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape { inputs[0] }

    /// Of an operator that is computed in float between quantizers.
    package func bytes(_ call: ByteTwinCall) -> [UInt8] { call.quantized(floats(call.reals)) }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [ScalarReference.quantizePasses(floats(call.reals), result: call.free, clamp: call.clamp)]
    }
}

extension Operation {
    /// The operator's twin; nil of convolutions, which have weights.
    package var twin: (any OperatorTwin)? {
        let form = form
        precondition(form is Convolution || form is any OperatorTwin, "\(self) has no twin")
        return form as? any OperatorTwin
    }
}
