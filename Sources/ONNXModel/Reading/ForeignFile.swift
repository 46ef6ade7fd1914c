// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// Files that are taken for ONNX models and are something else.
package enum ForeignFile {
    /// What the bytes are and what to do, without a full stop; nil where they may be a model.
    package static func kind(of data: Data) -> String? {
        let head = [UInt8](data.prefix(512))
        if head.isEmpty { return "is empty" }
        if head.starts(with: Array("version https://git-lfs".utf8)) {
            return "is a Git LFS pointer, not the model itself; fetch that with 'git lfs pull'"
        }
        if head.dropFirst(4).starts(with: Array("TFL3".utf8)) {
            return "is a TensorFlow Lite model; convert the float one with tf2onnx "
                + "(python -m tf2onnx.convert --tflite M.tflite --output M.onnx)"
        }
        if head.starts(with: [0x89] + Array("HDF".utf8)) {
            return "is an HDF5 file, as Keras saves them; convert the model with tf2onnx"
        }
        if head.starts(with: [0x50, 0x4B, 3, 4]) {
            return
                "is a ZIP archive, as PyTorch and Keras save models; export it with torch.onnx.export or tf2onnx, "
                + "or unpack it"
        }
        if head.starts(with: [0x1F, 0x8B]) { return "is compressed; unpack it with gunzip" }
        let text = String(decoding: head, as: UTF8.self)
            .trimmingCharacters(
                in: .whitespacesAndNewlines.union(CharacterSet(charactersIn: "\u{FEFF}"))
            )
            .lowercased()
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<?xml") {
            return
                "is a web page, not a model; what was downloaded is not the file itself (on GitHub and Hugging Face, "
                + "use the raw or download link)"
        }
        return nil
    }

    /// What a folder is that was given for a model, without a full stop; nil where there is none at
    /// `path`.
    package static func folder(at path: String) -> String? {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            isFolder.boolValue
        else { return nil }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if files.contains("saved_model.pb") {
            return "is a TensorFlow SavedModel; convert it with tf2onnx "
                + "(python -m tf2onnx.convert --saved-model FOLDER --output M.onnx)"
        }
        let models = files.filter { $0.hasSuffix(".onnx") }.sorted().prefix(3).map(printable)
        return "is a folder; give the model file"
            + (models.isEmpty ? "" : " in it (" + models.joined(separator: ", ") + ")")
    }
}
