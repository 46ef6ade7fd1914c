// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Testing

/// The only inference of shapes, and its limits.
struct OperatorFormTests {
    private let image = TensorShape(height: 8, width: 6, channels: 4)

    private func fault(_ operation: Operation, _ operands: [TensorShape], outputs: Int = 0)
        -> String?
    {
        do throws(OperatorFault) {
            _ = try operation.outputShape(of: operands, outputChannels: outputs)
            return nil
        } catch {
            return error.description
        }
    }

    /// What is flattened in front of a Gemm becomes one kernel, however long.
    @Test func kernelThatCoversALongInput() throws {
        let long = TensorShape(height: 16_000, width: 1, channels: 1)
        let whole = Convolution(
            window: Window(kernelHeight: 16_000, kernelWidth: 1), isFullyConnected: true)
        let shape = try Operation.convolution(whole).outputShape(of: [long], outputChannels: 3)
        #expect(shape == TensorShape(height: 1, width: 1, channels: 3))
    }

    @Test func shapes() throws {
        let pixel = TensorShape(height: 1, width: 1, channels: 4)
        let window = Window(kernelHeight: 3, kernelWidth: 2, strideHeight: 2, strideWidth: 2)
        let pooled = TensorShape(height: 3, width: 3, channels: 4)
        let depthwise = Convolution(window: window, groups: 4)
        for (operation, operands, shape) in [
            (Operation.convolution(depthwise), [image], pooled),
            (.maxPool(window), [image], pooled),
            (.averagePool(window, countIncludePad: true), [image], pooled),
            (.globalAveragePool, [image], pixel),
            (.add, [image, image], image),
            (.multiply, [image, pixel], image),
            (
                .concat(axis: 2), [image, image, image],
                TensorShape(height: 8, width: 6, channels: 12)
            ),
            (.clamp, [image], image),
            (.activation(.hardSwish), [image], image),
        ] {
            #expect(try operation.outputShape(of: operands, outputChannels: 4) == shape)
        }
    }

    @Test func whatDoesNotFit() {
        let pixel = TensorShape(height: 1, width: 1, channels: 4)
        let point = Convolution(window: Window(kernelHeight: 1, kernelWidth: 1), groups: 3)
        let high = Window(kernelHeight: 9, kernelWidth: 1)
        #expect(fault(.add, [image, pixel]) == "adds 8×6×4 and 1×1×4")
        #expect(fault(.add, [image]) == "reads 1 values instead of 2")
        #expect(fault(.multiply, [pixel, image]) == "multiplies 1×1×4 by 8×6×4")
        #expect(fault(.concat(axis: 2), [image, pixel]) == "joins 8×6×4 and 1×1×4 along axis 2")
        #expect(fault(.concat(axis: 2), []) == "reads nothing")
        #expect(fault(.maxPool(high), [image]) == "has a kernel larger than its input of 8×6×4")
        #expect(
            fault(.convolution(point), [image], outputs: 6)
                == "has 3 groups, which do not divide 4 input and 6 output channels")
    }

    @Test func limits() {
        let limit = SizeLimits.extent
        let wide = TensorShape(height: 1, width: limit, channels: 1)
        #expect(fault(.clamp, [wide]) == nil)
        var wider = wide
        wider.width += 1
        #expect(fault(.clamp, [wider])?.contains("out of bounds") == true)
        let large = TensorShape(height: 1 << 16, width: 1 << 15, channels: 1)
        #expect(fault(.clamp, [large]) == nil)
        #expect(fault(.concat(axis: 2), [large, large])?.contains("out of bounds") == true)
        let one = Window(kernelHeight: 1, kernelWidth: 1)
        for change in [\Window.strideHeight, \.strideWidth, \.dilationHeight, \.dilationWidth] {
            var window = one
            for (step, isGood) in [(1, true), (SizeLimits.step, true), (0, false)] {
                window[keyPath: change] = step
                #expect((fault(.maxPool(window), [image]) == nil) == isGood)
            }
            window[keyPath: change] = SizeLimits.step + 1
            #expect(fault(.maxPool(window), [image])?.contains("outside of 1...4096") == true)
        }
        var padded = one
        padded.padRight = -1
        #expect(fault(.maxPool(padded), [image])?.contains("a pad of -1") == true)
        let square = Window(kernelHeight: 1 << 13, kernelWidth: 1 << 13)
        #expect(fault(.maxPool(square), [large])?.contains("a kernel of 67108864") == true)
    }

    /// Runtimes add the 8-bit values of a mean in int32.
    @Test func meansStayWithinInt32() {
        let most = 8_421_504
        #expect(255 * most <= Int(Int32.max) && 255 * (most + 1) > Int(Int32.max))
        let largest = TensorShape(height: 128, width: 65_793, channels: 1)
        #expect(largest.pixels == most)
        var larger = largest
        larger.width += 1
        func pool(_ shape: TensorShape) -> Operation {
            .averagePool(
                Window(kernelHeight: shape.height, kernelWidth: shape.width),
                countIncludePad: false)
        }
        for (mean, tooMuch) in [
            (Operation.globalAveragePool, Operation.globalAveragePool),
            (pool(largest), pool(larger)),
        ] {
            #expect(fault(mean, [largest]) == nil)
            #expect(
                fault(tooMuch, [larger])
                    == "averages 8421632 pixels, and int32 sums of 8-bit values hold at most 8421504"
            )
        }
        #expect(fault(.maxPool(Window(kernelHeight: 128, kernelWidth: 65_794)), [larger]) == nil)
    }
}

/// Pixels as ONNX's own examples of Resize choose them.
struct NearestResizeTests {
    private func columns(
        _ extent: Int, to count: Int, by scale: Float? = nil,
        _ coordinates: ResizeCoordinates, _ rounding: NearestResize.Rounding
    ) -> [Int] {
        NearestResize(
            height: 1, width: count, scaleHeight: 1,
            scaleWidth: scale ?? Float(count) / Float(extent), coordinates: coordinates,
            rounding: rounding
        ).columns(of: extent)
    }

    @Test func choosesPixels() {
        #expect(columns(2, to: 6, .halfPixel, .roundPreferFloor) == [0, 0, 0, 1, 1, 1])
        #expect(columns(2, to: 4, .asymmetric, .floor) == [0, 0, 1, 1])
        #expect(columns(4, to: 2, by: 0.6, .halfPixel, .roundPreferFloor) == [0, 2])
        #expect(columns(4, to: 8, .halfPixel, .ceil) == [0, 1, 1, 2, 2, 3, 3, 3])
        #expect(columns(4, to: 8, .alignCorners, .floor) == [0, 0, 0, 1, 1, 2, 2, 3])
        #expect(columns(4, to: 8, .asymmetric, .roundPreferCeil) == [0, 1, 1, 2, 2, 3, 3, 3])
        #expect(columns(5, to: 1, .pytorchHalfPixel, .roundPreferFloor) == [0])
    }

    @Test func extentsFollowFromFactors() throws {
        let image = TensorShape(height: 3, width: 5, channels: 2)
        var resize = NearestResize(
            height: 6, width: 7, scaleHeight: 2, scaleWidth: 1.5, coordinates: .asymmetric,
            rounding: .floor)
        let shape = try Operation.resize(resize).outputShape(of: [image])
        #expect(shape == TensorShape(height: 6, width: 7, channels: 2))
        resize.height = 7
        #expect(throws: OperatorFault.self) {
            try resize.outputShape(of: [image], outputChannels: 0)
        }
    }
}
