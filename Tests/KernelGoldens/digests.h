0xf4d79df284658ba1,  // pointwise
0x68362580fd8ad10c,  // pointwise, depth over two blocks
0xfb30c953759d0249,  // pointwise, several row blocks
0x69e5c9125c2c0065,  // strided 1x1
0xadd993a76545091c,  // first layer
0xad63f600cee19e79,  // dense 3x3, dilated
0xb1e08769a8bf7efd,  // dense 5x4, asymmetric
0x0dd046d10854a967,  // padding wider than input
0x6f4baefbf4dec557,  // grouped
0x0be4eca697fb560a,  // grouped pointwise
0x31b2abe05743b3b9,  // depth multiplier 3
0x005009283cf93fc2,  // depthwise 3x3
0x11d585a0a8e9fbed,  // depthwise 3x3 stride 2
0x35cd4e28f0829008,  // depthwise 5x5 dilated
0x0deb833f428e5dcd,  // depthwise 9x9
0xc01a780af7072ac8,  // depthwise 1x1
0x66618b2d28e33912,  // fully connected
0x3e74b565959552ff,  // kernel covers input
0x9f6b0a09b87fdca2,  // pointwise
0x5bf6eb80eb33efec,  // pointwise, depth over two blocks
0x25f423b6df6c69b1,  // pointwise, several row blocks
0xeb9572a579ecab56,  // strided 1x1
0xcca78d2e101ef929,  // first layer
0x55196c741e388dd3,  // dense 3x3, dilated
0x9d446bab3b2a5d84,  // dense 5x4, asymmetric
0xe459d7594e89408e,  // padding wider than input
0xad44643c39e730c0,  // grouped
0x139f4c4f160e8736,  // grouped pointwise
0x438d762c412ae3e0,  // depth multiplier 3
0x163e28ba9d074724,  // depthwise 3x3
0x93fda60d146ace60,  // depthwise 3x3 stride 2
0xb47817f33314acdf,  // depthwise 5x5 dilated
0x85b49b4a479e89f1,  // depthwise 9x9
0x214a9b136717ea4e,  // depthwise 1x1
0x05b1b81d6e3f8538,  // fully connected
0x5799e5d2b5e2d8c6,  // kernel covers input
0xc251f3b4082a10b6,  // formats
0xf605a382936f1aab,  // formats
0x8a73c933dfe67afe,  // float operators
0x0887981569dc2467,  // float operators
0x726c59b497267505,  // integer operators
0x03db0e17b41acb27,  // integer operators
0x439ca1889b573a57,  // statistics
0xb6523d5a9a2b59f8,  // statistics
