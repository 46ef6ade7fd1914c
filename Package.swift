// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Settings every Swift target shares.
let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let flyingFox: [Target.Dependency] = [
    .product(name: "FlyingFox", package: "FlyingFox"),
    .product(name: "FlyingSocks", package: "FlyingFox"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "counterbias",
    products: [
        .executable(name: "counterbias", targets: ["counterbias"]),
        .executable(name: "counterbias-fuzz", targets: ["FuzzDecoders"]),
        .library(name: "CounterbiasKit", targets: ["CounterbiasKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    ],
    targets: [
        // C libraries and compute kernels.
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMemory"),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .target(
            name: "CImageCodecs",
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png")]),
        .target(name: "CKernels"),

        // For all: the version, and what quotes names from outside.
        .target(name: "Release", swiftSettings: swift),
        .target(name: "PrintableText", swiftSettings: swift),

        // Pure values and numerics: no files, no sockets, no clocks.
        .target(name: "NetworkGraph", dependencies: ["PrintableText"], swiftSettings: swift),
        .target(name: "Kernels", dependencies: ["CKernels", "NetworkGraph"], swiftSettings: swift),
        .target(name: "Quantization", dependencies: ["NetworkGraph"], swiftSettings: swift),
        .target(
            name: "Execution", dependencies: ["Kernels", "NetworkGraph", "Quantization"],
            swiftSettings: swift),
        .target(
            name: "Calibration",
            dependencies: ["Execution", "Kernels", "NetworkGraph", "Quantization"],
            swiftSettings: swift),

        // The outside world, one thing each.
        .target(
            name: "ONNXModel", dependencies: ["PrintableText", "Storage", protobuf],
            exclude: ["onnx.proto"], swiftSettings: swift),
        .target(
            name: "ONNXImport",
            dependencies: ["NetworkGraph", "ONNXModel", "PrintableText", "Quantization"],
            swiftSettings: swift),
        .target(
            name: "QDQ",
            dependencies: [
                "NetworkGraph", "ONNXImport", "ONNXModel", "PrintableText", "Quantization",
                "Release", "Storage", protobuf,
            ],
            swiftSettings: swift),
        .target(
            name: "Imaging", dependencies: ["CImageCodecs", "PrintableText"], swiftSettings: swift),
        .target(
            name: "Storage", dependencies: ["CCrypto", "PrintableText"], swiftSettings: swift),
        .target(name: "ZeroMQ", dependencies: ["CZeroMQ"], swiftSettings: swift),
        .target(
            name: "Settings",
            dependencies: [
                "Calibration", "Imaging", "PrintableText", "Quantization",
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swift),

        // What jobs do between files, without workers.
        .target(
            name: "JobInputs",
            dependencies: [
                "Calibration", "Imaging", "NetworkGraph", "PrintableText", "Quantization",
                "Release",
                "Settings", "Storage", logging,
            ],
            swiftSettings: swift),
        .target(
            name: "Evaluating",
            dependencies: [
                "Calibration", "Execution", "Imaging", "JobInputs", "NetworkGraph",
                "PrintableText", "QDQ", "Quantization", "Settings", "Storage", logging,
            ],
            swiftSettings: swift),
        .target(
            name: "Benchmarking",
            dependencies: [
                "Calibration", "Execution", "Kernels", "NetworkGraph", "PrintableText",
                "Quantization",
            ],
            swiftSettings: swift),

        // For other packages: calibration in their process, public.
        .target(
            name: "CounterbiasKit",
            dependencies: [
                "Calibration", "Evaluating", "Imaging", "JobInputs", "NetworkGraph", "ONNXImport",
                "QDQ", "Quantization", "Settings", "Storage", logging,
            ],
            swiftSettings: swift),

        // The distributed system and its command line.
        .target(
            name: "JobState",
            dependencies: [
                "Calibration", "NetworkGraph", "Quantization", "Storage", logging,
            ],
            swiftSettings: swift),
        .target(
            name: "Cluster",
            dependencies: [
                "Calibration", "Execution", "JobState", "Kernels", "NetworkGraph", "PrintableText",
                "Quantization", "Release", "Storage", "ZeroMQ", logging, protobuf,
            ],
            exclude: ["Wire/wire.proto"],
            swiftSettings: swift),
        .target(
            name: "Report", dependencies: ["Calibration", "Cluster", "Quantization"],
            swiftSettings: swift),
        .target(
            name: "Calibrating",
            dependencies: [
                "Calibration", "Cluster", "Imaging", "JobInputs", "JobState", "NetworkGraph",
                "ONNXImport", "PrintableText", "QDQ", "Quantization", "Release", "Report",
                "Settings", "Storage", logging,
            ],
            swiftSettings: swift),
        .executableTarget(
            name: "counterbias",
            dependencies: [
                "Benchmarking", "CMemory", "Calibrating", "Calibration", "Cluster", "Evaluating",
                "Imaging", "JobInputs", "JobState", "Kernels", "NetworkGraph", "ONNXImport",
                "ONNXModel", "PrintableText", "QDQ", "Quantization", "Release", "Settings",
                "Storage", "Report", "ZeroMQ", argumentParser, logging,
            ] + flyingFox,
            swiftSettings: swift),

        // What many workers cost a coordinator; for scripts/benchmarks/workers, not installed.
        .executableTarget(
            name: "WorkerSwarm",
            dependencies: [
                "Calibration", "Cluster", "JobState", "NetworkGraph", "Quantization", "Release",
                "Storage", "ZeroMQ", argumentParser, logging,
            ],
            swiftSettings: swift),

        // Test support and tests, one target per module.
        .target(
            name: "TestSupport",
            dependencies: ["Calibration", "Kernels", "NetworkGraph", "Quantization", "Storage"],
            path: "Tests/TestSupport", swiftSettings: swift),
        // Inputs for decoders, shared by ClusterTests and scripts/fuzz.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Calibration", "Cluster", "JobState", "NetworkGraph", "Quantization", "Storage",
                "TestSupport",
            ],
            path: "Tests/FuzzTargets", swiftSettings: swift),
        // A small job that was really run, shared by JobStateTests and ClusterTests.
        .target(
            name: "JobSamples",
            dependencies: [
                "Calibration", "JobState", "NetworkGraph", "Quantization", "Storage", "TestSupport",
            ],
            path: "Tests/JobSamples", swiftSettings: swift),
        .executableTarget(
            name: "FuzzDecoders", dependencies: ["FuzzTargets", argumentParser],
            swiftSettings: swift),
        // Golden digests of the kernels, shared by KernelsTests and scripts/checks/check-kernels.
        .target(
            name: "KernelGoldens", dependencies: ["CKernels"], path: "Tests/KernelGoldens",
            exclude: ["main.c", "digests.h"]),
        .testTarget(
            name: "PrintableTextTests", dependencies: ["PrintableText", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "NetworkGraphTests", dependencies: ["NetworkGraph"], swiftSettings: swift),
        .testTarget(
            name: "KernelsTests",
            dependencies: ["KernelGoldens", "Kernels", "NetworkGraph", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "QuantizationTests",
            dependencies: ["NetworkGraph", "Quantization", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "ExecutionTests",
            dependencies: [
                "Calibration", "Execution", "Kernels", "NetworkGraph", "ONNXImport", "QDQ",
                "Quantization", "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "CalibrationTests",
            dependencies: ["Calibration", "NetworkGraph", "Quantization", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "ONNXModelTests", dependencies: ["ONNXModel", "TestSupport", protobuf],
            swiftSettings: swift),
        .testTarget(
            name: "ONNXImportTests",
            dependencies: [
                "Execution", "NetworkGraph", "ONNXImport", "ONNXModel", "TestSupport", protobuf,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "QDQTests",
            dependencies: [
                "Execution", "NetworkGraph", "ONNXImport", "ONNXModel", "QDQ", "Quantization",
                "Storage", "TestSupport", protobuf,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging", "TestSupport"], exclude: ["Fixtures"],
            swiftSettings: swift),
        .testTarget(
            name: "StorageTests", dependencies: ["Storage", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: swift),
        .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ"], swiftSettings: swift),
        .testTarget(
            name: "SettingsTests",
            dependencies: ["Calibration", "Imaging", "Quantization", "Settings", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "JobInputsTests",
            dependencies: [
                "Calibration", "Imaging", "JobInputs", "NetworkGraph", "Quantization", "Settings",
                "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "EvaluatingTests",
            dependencies: [
                "Calibration", "Evaluating", "Imaging", "JobInputs", "NetworkGraph", "Settings",
                "TestSupport",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "BenchmarkingTests",
            dependencies: ["Benchmarking", "NetworkGraph", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "CounterbiasKitTests", dependencies: ["CounterbiasKit", "TestSupport"],
            swiftSettings: swift),
        .testTarget(
            name: "CalibratingTests",
            dependencies: [
                "Calibrating", "Calibration", "JobInputs", "JobSamples", "JobState", "Storage",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "JobStateTests",
            dependencies: [
                "Calibration", "JobSamples", "JobState", "Kernels", "NetworkGraph", "Quantization",
                "Storage", "TestSupport", logging,
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Calibration", "Cluster", "FuzzTargets", "JobSamples", "JobState", "Kernels",
                "NetworkGraph", "Quantization", "Release", "Storage", "TestSupport", "ZeroMQ",
                logging, protobuf,
            ],
            exclude: ["fuzz-failures"], swiftSettings: swift),
        .testTarget(
            name: "ReportTests",
            dependencies: ["Calibration", "Cluster", "Quantization", "Report"],
            swiftSettings: swift),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Cluster", "CounterbiasKit", "JobState", "NetworkGraph", "ONNXImport", "QDQ",
                "Quantization", "Release", "Storage", "TestSupport", "ZeroMQ", "counterbias",
            ],
            exclude: ["Shim"], swiftSettings: swift),
    ]
)
