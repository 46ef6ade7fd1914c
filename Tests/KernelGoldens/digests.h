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
0x7f78b5494699e588,  // pointwise
0x439c1ddf0f8bac57,  // pointwise, depth over two blocks
0xe2dd49ac15956bd7,  // pointwise, several row blocks
0x84c2e74d306f83fd,  // strided 1x1
0x453cf6d96357a92f,  // first layer
0x2b41778bcf5650f2,  // dense 3x3, dilated
0x2b0515e137afb242,  // dense 5x4, asymmetric
0x27caef4c94516253,  // padding wider than input
0x79f7ca20c1f9acfc,  // grouped
0xe7aa300d07ddec5b,  // grouped pointwise
0x2300bf6078911e6d,  // depth multiplier 3
0x897f669664b97425,  // depthwise 3x3
0x9d30acbf620da04b,  // depthwise 3x3 stride 2
0x4f9e737e2fd0fe5e,  // depthwise 5x5 dilated
0xd24783f3889c2539,  // depthwise 9x9
0x97f955473cf86646,  // depthwise 1x1
0x02707fed5f72dd72,  // fully connected
0x9de551c273b1a4a9,  // kernel covers input
0xa5b0595872d8b264,  // masked operators
0xb1de8a8f66864fe9,  // masked operators
0x8d46b9fde281a348,  // gradients
0x2e14050c6c3ba8d6,  // gradients
0x147f4cd26a0af56b,  // inward windows
0x72416f16b38f652c,  // inward windows
0x195256664f3b066c,  // inward windows
0x734ee5dffe05f0c8,  // inward windows
0x547ff3bea75d29c9,  // functions
0x93b076c3c53aa99c,  // functions
0xebed346e35243bef,  // pointwise
0x82fbd70b40cdd182,  // pointwise, depth over two blocks
0x6248755fb47aa6fe,  // pointwise, several row blocks
0xbcbf308046e68ed6,  // strided 1x1
0x53e9d42e0029367d,  // first layer
0xe5ba48ebe4abf093,  // dense 3x3, dilated
0x5ccd7889cabc781f,  // dense 5x4, asymmetric
0xc06654589abae723,  // padding wider than input
0x12f1cb1aff737e13,  // grouped
0xcf8c10a61a7214e9,  // grouped pointwise
0x8f1ac78347512b1f,  // depth multiplier 3
0x0e856b1c027fffb7,  // depthwise 3x3
0xacc10517a6cdde4a,  // depthwise 3x3 stride 2
0x56ff6946162f1723,  // depthwise 5x5 dilated
0x5382f04407f2afb8,  // depthwise 9x9
0xf5a2dc729fb2decc,  // depthwise 1x1
0x3d4682a25bcd71be,  // fully connected
0x8cf3cb7b1b704720,  // kernel covers input
0xcc594ca601e96a28,  // correction sums
0xb72fb0119ccc7b74,  // correction sums
0xa9748df7768bdfa9,  // pointwise
0x497c9a7efa875944,  // pointwise, depth over two blocks
0xf41e557efd6a360b,  // pointwise, several row blocks
0xd828ee3b02b5be43,  // strided 1x1
0x62d26586bc137da9,  // first layer
0x90541b0793d41bba,  // dense 3x3, dilated
0xec6a584dc7d5f180,  // dense 5x4, asymmetric
0x4f04044955ce6ab0,  // padding wider than input
0xdc03057a3d861779,  // grouped
0x52039448c3e2997e,  // grouped pointwise
0xb03d6e714232191f,  // depth multiplier 3
0x36bdcdff38820c86,  // depthwise 3x3
0x4144584410f56eab,  // depthwise 3x3 stride 2
0xba402e098ab2d7e6,  // depthwise 5x5 dilated
0x6f53ff746e3393f5,  // depthwise 9x9
0x40cd51c718126350,  // depthwise 1x1
0xce32ae76743a6bd3,  // fully connected
0x64cf395aa58a6eee,  // kernel covers input
0x92496dd085280fbf,  // pointwise
0x796749ca84e51d2c,  // pointwise, depth over two blocks
0x7ac85d5268e212be,  // pointwise, several row blocks
0xcbe38b1461c2ee25,  // strided 1x1
0x765890eb4a2135d3,  // first layer
0x71332ecc69680a18,  // dense 3x3, dilated
0xb6cc08bd5a382daf,  // dense 5x4, asymmetric
0x3384a7d2ec007df5,  // padding wider than input
0x5e392b02ab61a270,  // grouped
0x1c51a53f38a393f0,  // grouped pointwise
0xba1cd255ee5befec,  // depth multiplier 3
0x0e4555912daf3f32,  // depthwise 3x3
0x7672dfd1d24c8d65,  // depthwise 3x3 stride 2
0x6adcf1a5682b3b56,  // depthwise 5x5 dilated
0x12431776e69618fe,  // depthwise 9x9
0x686ace17756255d0,  // depthwise 1x1
0x1242b8f6973b5911,  // fully connected
0xf3a8e396d9273c94,  // kernel covers input
