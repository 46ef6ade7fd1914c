// SPDX-License-Identifier: Apache-2.0

extension ZeroMQError {
    /// One clause per code; ``description`` adds subject, cause and advice.
    var summary: String {
        switch code {
        case .contextFailed: "cannot start ZeroMQ"
        case .contextTerminated: "ZeroMQ is shutting down"
        case .socketFailed: "cannot create a socket"
        case .optionRejected: "libzmq refused a socket option"
        case .pollFailed: "waiting on sockets failed"
        case .wakeupFailed: "cannot create an eventfd"
        case .threadFailed: "cannot start a thread"
        case .monitorFailed: "cannot monitor a socket"
        case .endpointInvalid: "not a usable endpoint"
        case .ipcPathTooLong: "the path of an ipc endpoint is too long"
        case .ipcPathOccupied: "the path of an ipc endpoint is taken by something else"
        case .directoryNotPrivate: "an ipc endpoint without CURVE needs a private directory"
        case .insecureEndpoint: "refusing unencrypted traffic off this machine"
        case .addressInUse: "the address is already in use"
        case .addressUnavailable: "the address does not belong to this machine"
        case .permissionDenied: "permission denied"
        case .bindFailed: "cannot bind"
        case .connectFailed: "cannot connect"
        case .sendFailed: "sending failed"
        case .receiveFailed: "receiving failed"
        case .frameTooLarge: "a frame is larger than peers accept"
        case .messageTooLarge: "a message is larger than peers accept"
        case .keyMalformed: "not a CURVE key"
        case .keyKindMismatch: "wrong kind of key file"
        case .keyPairMismatch: "the public key does not belong to the secret key"
        case .keyFileExposed: "a secret key file can be read by others"
        case .keyFileReplaceable: "a key file can be replaced by others"
        case .keyFailed: "cannot make a key"
        case .fileUnreadable: "cannot read a file"
        case .fileExists: "refusing to overwrite"
        case .fileWriteFailed: "cannot write a file"
        case .allowListUnreadable: "cannot read the allow-list"
        case .allowListMalformed: "the allow-list has an unusable entry"
        case .allowListExposed: "the allow-list can be changed by others"
        case .authenticatorBusy: "this context already authenticates for another socket"
        }
    }

    /// What the reader can do about it; nil if the summary already says it.
    var advice: String? {
        if let remedy { return remedy }
        let name = file ?? "FILE"
        switch code {
        case .endpointInvalid:
            return "Use tcp://HOST:PORT or ipc://PATH"
        case .ipcPathTooLong:
            return "Use a path of at most \(Endpoint.maximumPathBytes) bytes"
        case .ipcPathOccupied:
            return "Choose another path or remove what is there"
        case .directoryNotPrivate:
            return "Put the socket in a directory that only you can enter (chmod 700 DIR)"
        case .insecureEndpoint:
            return "Give CURVE keys (counterbias keygen makes them), use a loopback address, "
                + "or pass --insecure if the network is trusted"
        case .addressInUse: return "Stop the process that holds it or choose another address"
        case .addressUnavailable: return "Bind an address of this machine, or * for all of them"
        case .frameTooLarge, .messageTooLarge: return "Send it in smaller chunks"
        case .keyMalformed:
            return "A key is 40 characters of Z85, as counterbias keygen writes it"
        case .keyKindMismatch: return "Secret keys end in .key, public keys in .pub"
        case .keyPairMismatch: return "Make a new pair with counterbias keygen"
        case .keyFileExposed: return "Run chmod 600 \(name), and replace the key if it leaked"
        case .fileExists: return "Choose another directory or move the old files away"
        case .allowListMalformed:
            return "It holds one public key per line, or one .pub file per key in a directory"
        case .authenticatorBusy: return "Use one context per authenticated socket"
        default: return nil
        }
    }
}
