// SPDX-License-Identifier: Apache-2.0

import JobInputs
import Testing

@Suite struct LabelTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func table(_ text: String) throws -> LabelTable {
        try LabelTable(path: folder.write(text, to: "labels.csv"))
    }

    private func message(_ body: () throws -> Void) -> String {
        let error = #expect(throws: RunError.self, performing: body)
        #expect(error?.kind == .data)
        return (error?.description ?? "").replacing(folder.path + "/", with: "")
    }

    @Test func columnsAreFoundByName() throws {
        let table = try table("\u{FEFF}class_index, file\r\n3, a.png\n\n0,b.png")
        #expect(try table.label(of: "a.png", offset: 0, classes: 4) == 3)
        #expect(try table.label(of: "b.png", offset: 1, classes: 4) == 1)
    }

    @Test func faultsNameTheLine() {
        #expect(
            message { _ = try table("file,label\n") }
                == "labels.csv, line 1: columns 'file' and 'class_index' are expected")
        #expect(
            message { _ = try table("file,class_index\na,-1\n") }
                == "labels.csv, line 2: 'a,-1' is not file,class_index")
        #expect(
            message { _ = try table("file,class_index\na,1\na,2\n") }
                == "labels.csv, line 3: 'a' is listed twice")
        let missing = #expect(throws: RunError.self) { try LabelTable(path: folder.path + "/no") }
        #expect(missing?.kind == .missing)
    }

    @Test func imagesWithoutAClassOfTheModel() throws {
        let table = try table("file,class_index\na,9\n")
        #expect(
            message { _ = try table.label(of: "b", offset: 0, classes: 10) }
                == "labels.csv: no label for 'b'")
        #expect(
            message { _ = try table.label(of: "a", offset: 1, classes: 10) }.contains(
                "labels.offset 1 is not one of the model's 10 classes"))
    }

    @Test func anOffsetThatFitsIsNamed() {
        var fit = LabelFit(offset: 0, classes: 10)
        for label in 0..<40 { fit.add(answer: (label + 1) % 10, label: label % 10) }
        #expect(fit.warning?.contains("set labels.offset to 1") == true)
        var guessed = LabelFit(offset: 0, classes: 10)
        for label in 0..<40 { guessed.add(answer: (label + 5) % 10, label: label % 10) }
        #expect(guessed.warning?.contains("offsets -1 and 1 fit no better") == true)
    }

    @Test func rightAnswersAndFewImagesGiveNoWarning() {
        var right = LabelFit(offset: 0, classes: 10)
        for label in 0..<40 { right.add(answer: label % 10, label: label % 10) }
        #expect(right.warning == nil)
        var few = LabelFit(offset: 0, classes: 10)
        for _ in 0..<15 { few.add(answer: 1, label: 0) }
        #expect(few.warning == nil)
    }
}
