import Imaging
import Testing

@Suite struct PreprocessingTests {
    @Test func valuesAreRoundedOnce() {
        let tables = Preprocessing(
            resizeShortSide: 256, cropHeight: 224, cropWidth: 224, mean: [127.5], std: [127.5]
        ).lookupTables()
        #expect(tables.count == 3)
        #expect(tables[0][0] == -1)
        #expect(tables[2][255] == 1)
        #expect(tables[1][1] == Float(-126.5 / 127.5))
    }
}
