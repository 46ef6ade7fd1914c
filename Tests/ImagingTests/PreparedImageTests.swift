import Imaging
import Testing

@Suite struct PreparedImageTests {
    private let images = [
        PreparedImage(
            height: 2, width: 1, channels: 3, payload: .pixels([0, 1, 2, 253, 254, 255])),
        PreparedImage(
            height: 1, width: 2, channels: 1,
            payload: .tensor([-0.0, Float(bitPattern: 0x1_16C2)])),
    ]

    @Test func bytesAreStable() {
        let header: [UInt8] = [0x43, 0x42, 0x49, 0x4D]
        let pixels: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]
        #expect(images[0].encoded() == header + pixels + [0, 1, 2, 253, 254, 255])
        let floats: [UInt8] = [2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]
        #expect(images[1].encoded() == header + floats + [0, 0, 0, 0x80, 0xC2, 0x16, 1, 0])
    }

    @Test func roundTrips() throws {
        for image in images {
            let copy = try PreparedImage(encoded: image.encoded(), name: "x")
            #expect(copy == image)
            #expect(copy.encoded() == image.encoded())
        }
    }

    @Test func damageIsAnError() {
        for image in images {
            let bytes = image.encoded()
            for length in 0..<bytes.count {
                #expect(throws: ImageError.self) {
                    try PreparedImage(encoded: Array(bytes[..<length]), name: "x")
                }
            }
            #expect(throws: ImageError.self) {
                try PreparedImage(encoded: bytes + [0], name: "x")
            }
            for index in 0..<20 {
                for bit in 0..<8 {
                    var damaged = bytes
                    damaged[index] ^= 1 << bit
                    #expect(throws: ImageError.self) {
                        try PreparedImage(encoded: damaged, name: "x")
                    }
                }
            }
        }
    }

    @Test func floatsThatAreNotFiniteAreRefused() {
        var bytes = images[1].encoded()
        bytes.replaceSubrange(24..., with: [0, 0, 0xC0, 0x7F])
        let error = #expect(throws: ImageError.self) {
            try PreparedImage(encoded: bytes, name: "x")
        }
        #expect(error?.code == .notFinite)
    }
}
