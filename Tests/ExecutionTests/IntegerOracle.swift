// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import Quantization
import TestSupport

/// The quantized network by definition, every node by its scalar twin.
struct IntegerOracle {
    let network: QuantizedNetwork

    /// What every node gives for one image, and the output as real values.
    struct Trace {
        /// Stored values by value id; empty for a float output.
        var values: [[UInt8]]
        /// By node; nil where the node is not a convolution.
        var accumulators: [[Int32]?]
        var output: [Float]
    }

    func run(_ input: [Float], biases: BiasState) -> Trace {
        let graph = network.graph
        var trace = Trace(values: [], accumulators: [], output: [])
        var floats: [ValueID: [Float]] = [:]
        var rest = input[...]
        for (value, end) in graph.inputs.enumerated() {
            guard let to = network.activations[value] else { preconditionFailure("8-bit input") }
            trace.values.append(
                ScalarReference.quantize(
                    Array(rest.prefix(end.shape.count)), scale: to.scale,
                    zeroPoint: UInt8(to.zeroPoint + to.type.offset)))
            rest = rest.dropFirst(end.shape.count)
        }
        var layer = 0
        for (index, node) in graph.nodes.enumerated() {
            guard case .convolution(let convolution) = node.operation,
                let parameters = network.parameters[index],
                let from = network.activations[node.inputs[0]]
            else {
                trace.accumulators.append(nil)
                trace.values.append(compute(node, index, trace.values))
                continue
            }
            let sums = ScalarReference.accumulate(
                trace.values[node.inputs[0]], input: graph.shape(of: node.inputs[0]),
                output: node.shape, convolution: convolution, weights: centred(parameters),
                inputZeroPoint: UInt8(from.zeroPoint + from.type.offset))
            trace.accumulators.append(sums)
            let bias = biases.layers[layer]
            layer += 1
            let scales = bias.indices.map { from.scale * parameters.scale(channel: $0) }
            if let to = network.activation(ofNode: index) {
                let result = byteQuantization(to, node.clamp)
                trace.values.append(
                    ScalarReference.requantize(
                        sums, bias: bias,
                        requantization: Requantization(
                            multipliers: scales.map { $0 / to.scale }, zeroPoint: result.zeroPoint,
                            lower: result.lower, upper: result.upper)))
            } else {
                trace.values.append([])
                floats[graph.value(of: index)] = ScalarReference.clamp(
                    ScalarReference.dequantizeAccumulators(sums, bias: bias, scales: scales),
                    clamp: node.clamp)
            }
        }
        for output in graph.outputs {
            guard let quantization = network.activations[output.value] else {
                trace.output += floats[output.value] ?? []
                continue
            }
            trace.output += ScalarReference.dequantize(
                trace.values[output.value], scale: quantization.scale,
                zeroPoint: UInt8(quantization.zeroPoint + quantization.type.offset))
        }
        return trace
    }

    private func compute(_ node: Node, _ index: Int, _ values: [[UInt8]]) -> [UInt8] {
        let inputs = node.inputs.map { values[$0] }
        let from = node.inputs.compactMap { network.activations[$0] }.map {
            byteQuantization($0, .none)
        }
        guard let target = network.activation(ofNode: index) else {
            preconditionFailure("8-bit output")
        }
        let to = byteQuantization(target, node.clamp)
        let shape = network.graph.shape(of: node.inputs[0])
        switch node.operation {
        case .convolution: preconditionFailure("has weights")
        case .add: return ScalarReference.add(inputs[0], from[0], inputs[1], from[1], result: to)
        case .multiply:
            return ScalarReference.multiply(inputs[0], from[0], inputs[1], from[1], result: to)
        case .activation(let function):
            return quantized(
                ScalarReference.activation(function, real(inputs[0], from[0])), node.clamp, target)
        case .localResponseNormalization(let lrn):
            return quantized(
                ScalarReference.localResponseNormalization(
                    lrn, real(inputs[0], from[0]), channels: shape.channels), node.clamp, target)
        case .concat(let axis):
            let parts = zip(inputs, from).map { rescaled($0, $1, to: target, clamp: node.clamp) }
            return joined(parts, node.inputs.map { network.graph.shape(of: $0) }, axis: axis)
        case .resize, .rearrange, .take, .pad:
            var filler: Float = 0
            if case .pad(let pad) = node.operation { filler = pad.value }
            let stored = quantized([filler], .none, target)[0]
            return moved(inputs[0], by: node.operation, shape, filler: stored) ?? []
        case .clamp: return rescaled(inputs[0], from[0], to: target, clamp: node.clamp)
        case .maxPool(let window):
            return ScalarReference.maxPool(inputs[0], shape: shape, window: window)
        case .averagePool(let window, let countIncludePad):
            return ScalarReference.averagePool(
                inputs[0], from[0], shape: shape, window: window, countIncludePad: countIncludePad,
                result: to)
        case .globalAveragePool:
            return ScalarReference.globalAveragePool(inputs[0], from[0], shape: shape, result: to)
        }
    }

    /// DequantizeLinear, Clip, QuantizeLinear as the exported nodes say it.
    private func rescaled(
        _ values: [UInt8], _ from: ByteQuantization, to: TensorQuantization, clamp: Clamp
    ) -> [UInt8] {
        quantized(real(values, from), clamp, to)
    }

    private func real(_ values: [UInt8], _ from: ByteQuantization) -> [Float] {
        ScalarReference.dequantize(values, scale: from.scale, zeroPoint: from.zeroPoint)
    }

    private func quantized(_ real: [Float], _ clamp: Clamp, _ to: TensorQuantization) -> [UInt8] {
        ScalarReference.quantize(
            ScalarReference.clamp(real, clamp: clamp), scale: to.scale,
            zeroPoint: UInt8(to.zeroPoint + to.type.offset))
    }

    /// Clamps as quantized bounds: the smallest and the largest stored value inside them.
    private func byteQuantization(_ quantization: TensorQuantization, _ clamp: Clamp)
        -> ByteQuantization
    {
        let zero = Double(quantization.zeroPoint + quantization.type.offset)
        func bound(_ value: Float?, _ otherwise: UInt8) -> UInt8 {
            guard let value else { return otherwise }
            let steps = (Double(value) / Double(quantization.scale)).rounded(.toNearestOrEven)
            return UInt8(min(max(steps + zero, 0), 255))
        }
        return ByteQuantization(
            scale: quantization.scale, zeroPoint: UInt8(zero), lower: bound(clamp.lower, 0),
            upper: bound(clamp.upper, 255))
    }

    private func centred(_ parameters: QuantizedParameters) -> [Int16] {
        let taps = parameters.weights.count / parameters.bias.count
        return parameters.weights.enumerated().map { index, weight in
            weight - Int16(parameters.zeroPoint(channel: index / taps))
        }
    }
}
