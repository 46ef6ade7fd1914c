// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

extension NearestResize: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        copyPixels(from: call.operands[0], call.shapes[0], to: call.output)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        copyPixels(from: call.operands[0], call.shapes[0], to: call.output)
    }

    private func copyPixels<Element>(
        from input: UnsafePointer<Element>, _ shape: FeatureShape,
        to output: UnsafeMutablePointer<Element>
    ) {
        let columns = columns(of: shape.width)
        var target = output
        for row in rows(of: shape.height) {
            for column in columns {
                target.update(
                    from: input + (row * shape.width + column) * shape.channels,
                    count: shape.channels)
                target += shape.channels
            }
        }
    }

    /// Gradients of all copies of a pixel, added from +0 in the order of the result.
    func propagate(_ call: BackwardCall) {
        let shape = call.shapes[0]
        let columns = columns(of: shape.width)
        call.contribute(to: 0) { target in
            target.update(repeating: 0, count: shape.count)
            var source = call.gradient
            for row in rows(of: shape.height) {
                for column in columns {
                    let pixel = target + (row * shape.width + column) * shape.channels
                    for channel in 0..<shape.channels { pixel[channel] += source[channel] }
                    source += shape.channels
                }
            }
        }
    }

    var mask: RecordedMask { .none }
}
