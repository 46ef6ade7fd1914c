// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// Another package that depends on this one; scripts/test builds and runs it.
let package = Package(
    name: "KitClient",
    dependencies: [.package(name: "counterbias", path: "../..")],
    targets: [
        .executableTarget(
            name: "KitClient",
            dependencies: [.product(name: "CounterbiasKit", package: "counterbias")])
    ]
)
