// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Testing

@Suite struct WindowTests {
    @Test func stridedExtentRoundsDown() {
        let window = Window(
            kernelHeight: 3, kernelWidth: 3, strideHeight: 2, strideWidth: 2, padBottom: 1,
            padRight: 1)
        let extent = window.outputExtent(height: 224, width: 7)
        #expect(extent?.height == 112)
        #expect(extent?.width == 3)
    }

    @Test func windowLargerThanInputDoesNotFit() {
        #expect(Window(kernelHeight: 3, kernelWidth: 1).outputExtent(height: 2, width: 5) == nil)
    }
}
