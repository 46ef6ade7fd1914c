// SPDX-License-Identifier: Apache-2.0

/// The page as one HTML document that is also well-formed XML: no scripts, nothing from elsewhere.
package struct ReportPage {
    let data: ReportData

    /// Nothing is computed before ``html``.
    package init(_ data: ReportData) { self.data = data }

    /// The whole document, made anew at every call.
    package var html: String {
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>Counterbias: \(data.modelName)</title>
            <style>\(Style.markup)</style></head><body><main>
            \(header)
            \(advice)
            \(quality)
            \(shift)
            \(energy)
            \(tuning)
            \(table)
            \(numbers)
            \(channels)
            \(timeline)
            \(settings)
            <footer>Counterbias \(data.run.version). MSSR and rQNSR as in Finkelstein, Almog and Grobman, \
            <a href="https://arxiv.org/abs/1906.03193">Fighting Quantization Bias With Bias</a> (2019).</footer>
            </main></body></html>

            """
        return page.text
    }
}
