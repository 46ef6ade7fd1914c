// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

/// One way to run all operators that only move data, by the positions they give.
protocol MovingOperator: DataMovement, ExecutableOperator {}

extension MovingOperator {
    func computeFloats(_ call: FloatCall) {
        movement(of: call.shapes[0]).run(from: call.operands[0], to: call.output, filler: filler)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        movement(of: call.shapes[0]).run(
            from: call.operands[0], to: call.output, filler: quantizedFiller(call.result))
    }

    /// Gradients of all copies of an element, added from +0 in the order of the result.
    func propagate(_ call: BackwardCall) {
        let shape = call.shapes[0]
        call.contribute(to: 0) { target in
            target.update(repeating: 0, count: shape.count)
            movement(of: shape).add(call.gradient, to: target)
        }
    }

    var mask: RecordedMask { .none }

    private func quantizedFiller(_ result: ByteQuantization) -> UInt8 {
        var (filler, stored) = (filler, UInt8(0))
        IntegerKernels.quantize(
            &filler, count: 1, scale: result.scale, zeroPoint: result.zeroPoint, &stored)
        return min(max(stored, result.lower), result.upper)
    }
}

extension Rearrange: MovingOperator {
    var keepsMemory: Bool { isReshape }
    var handsGradientOn: Bool { isReshape }
}
extension Take: MovingOperator {}
extension ConstantPad: MovingOperator {}
extension NearestResize: MovingOperator {}

extension Movement {
    /// Writes the result, element by element in order.
    func run<Element: BitwiseCopyable>(
        from source: UnsafePointer<Element>, to output: UnsafeMutablePointer<Element>,
        filler: Element
    ) {
        var target = output
        copy(axes[...], source + base, &target, filler)
    }

    private func copy<Element: BitwiseCopyable>(
        _ axes: ArraySlice<Axis>, _ source: UnsafePointer<Element>,
        _ target: inout UnsafeMutablePointer<Element>, _ filler: Element
    ) {
        guard let axis = axes.first else {
            target.pointee = source.pointee
            target += 1
            return
        }
        let inner = axes.dropFirst()
        switch axis {
        case .even(let count, 1) where inner.isEmpty:
            target.update(from: source, count: count)
            target += count
        case .even(let count, let step) where inner.isEmpty:
            for position in 0..<count { target[position] = source[position * step] }
            target += count
        case .even(let count, let step):
            for position in 0..<count { copy(inner, source + position * step, &target, filler) }
        case .listed(let offsets) where inner.isEmpty:
            for (position, offset) in offsets.enumerated() {
                target[position] = offset.map { source[$0] } ?? filler
            }
            target += offsets.count
        case .listed(let offsets):
            let block = inner.reduce(1) { $0 * $1.count }
            for offset in offsets {
                if let offset {
                    copy(inner, source + offset, &target, filler)
                } else {
                    target.update(repeating: filler, count: block)
                    target += block
                }
            }
        }
    }

    /// Adds the result's elements, in order, to those they come from.
    func add(_ result: UnsafePointer<Float>, to operand: UnsafeMutablePointer<Float>) {
        var source = result
        add(axes[...], &source, operand + base)
    }

    private func add(
        _ axes: ArraySlice<Axis>, _ source: inout UnsafePointer<Float>,
        _ target: UnsafeMutablePointer<Float>
    ) {
        guard let axis = axes.first else {
            target.pointee += source.pointee
            source += 1
            return
        }
        let inner = axes.dropFirst()
        switch axis {
        case .even(let count, let step) where inner.isEmpty:
            for position in 0..<count { target[position * step] += source[position] }
            source += count
        case .even(let count, let step):
            for position in 0..<count { add(inner, &source, target + position * step) }
        case .listed(let offsets):
            let block = inner.reduce(1) { $0 * $1.count }
            for offset in offsets {
                if let offset { add(inner, &source, target + offset) } else { source += block }
            }
        }
    }
}
