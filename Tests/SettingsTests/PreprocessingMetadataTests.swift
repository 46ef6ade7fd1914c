// SPDX-License-Identifier: Apache-2.0

import Imaging
import Settings
import Testing

@Suite struct PreprocessingMetadataTests {
    private let text =
        #"{"channel_order":"bgr","crop":[192,224],"exif_orientation":"ignore","geometry":"rounded","#
        + #""interpolation":"bicubic","mean":[103.53,116.28,123.675],"resize_short_side":"none","#
        + #""std":[57.375]}"#

    @Test func entriesAreReadAsTheyWereWritten() throws {
        let (settings, origin) = try PreprocessingSettings.reading(metadata: text, file: "m.onnx")
        #expect(settings.metadata == text)
        #expect(settings.mean == [103.53, 116.28, 123.675] && settings.geometry == .rounded)
        #expect(settings.crop == .size(height: 192, width: 224))
        #expect(origin.isGiven && origin.description == "model metadata")
        #expect(Set(origin.sources.values) == ["model metadata"])
        // It is a section of a configuration file.
        let configuration = try resolve(minimal + "preprocessing: " + text)
        #expect(configuration.preprocessing == settings)
    }

    @Test func keysThatAnEntryLacksHaveTheirDefaults() throws {
        let (settings, origin) = try PreprocessingSettings.reading(
            metadata: #"{"mean":0}"#, file: "m.onnx")
        #expect(settings.mean == [0] && settings.std == [127.5] && settings.crop == .modelInput)
        #expect(origin.sources["mean"] == "model metadata" && origin.sources["std"] == "default")
    }

    @Test(arguments: [
        ("{", "metadata entry counterbias.preprocessing"), ("[1]", "expected a mapping"),
        (#"{"mean":"x"}"#, "preprocessing.mean: 'x' is not valid"),
        (#"{"median":1}"#, "preprocessing.median: unknown key"),
        ("{}\nout: elsewhere", "out: is no key of preprocessing"),
        (String(repeating: " ", count: 1 << 16 + 1), "larger than 65536 bytes"),
    ])
    func damagedEntriesNameFileAndKey(text: String, message: String) {
        let error = #expect(throws: SettingsError.self) {
            try PreprocessingSettings.reading(metadata: text, file: "m.onnx")
        }
        let description = error?.description ?? ""
        #expect(description.contains("m.onnx") && description.contains(message), "\(description)")
    }

    @Test func originsNameTheFileAndWhatIsLeft() throws {
        func origin(_ yaml: String) throws -> PreprocessingOrigin {
            PreprocessingOrigin(
                file: try PartialConfiguration(yaml: yaml, file: "run.yaml"), path: "run.yaml")
        }
        #expect(PreprocessingOrigin(file: nil, path: nil).description == "default")
        #expect(try origin("ibc_images: 4").description == "default")
        #expect(try !origin("ibc_images: 4").isGiven)
        let partial = try origin("preprocessing: {mean: 1, resize_short_side: 256}")
        #expect(partial.description == "run.yaml; default: std")
        #expect(partial.isGiven("mean") && !partial.isGiven("std"))
        let full = try origin("preprocessing: {mean: 1, std: 1, resize_short_side: none}")
        #expect(full.description == "run.yaml")
    }

    /// As editors and spreadsheets of other systems write them.
    @Test func byteOrderMarksAndLineEndsAreNoErrors() throws {
        let yaml = minimal + "preprocessing:\n  mean: [1, 2, 3]\n"
        let plain = try resolve(yaml)
        let other = "\u{FEFF}" + yaml.replacing("\n", with: "\r\n")
        #expect(try resolve(other) == plain)
        #expect(try resolve("\u{FEFF}" + minimal) == resolve(minimal))
    }
}
