// SPDX-License-Identifier: Apache-2.0

import CZeroMQ

/// The socket options in use, named for error messages.
struct ZMQOption {
    let number: Int32
    let name: String

    private init(_ number: Int32, _ name: String) {
        self.number = number
        self.name = name
    }

    static let linger = ZMQOption(ZMQ_LINGER, "LINGER")
    static let backlog = ZMQOption(ZMQ_BACKLOG, "BACKLOG")
    static let sendHighWaterMark = ZMQOption(ZMQ_SNDHWM, "SNDHWM")
    static let receiveHighWaterMark = ZMQOption(ZMQ_RCVHWM, "RCVHWM")
    static let maximumMessageSize = ZMQOption(ZMQ_MAXMSGSIZE, "MAXMSGSIZE")
    static let handshakeInterval = ZMQOption(ZMQ_HANDSHAKE_IVL, "HANDSHAKE_IVL")
    static let routerMandatory = ZMQOption(ZMQ_ROUTER_MANDATORY, "ROUTER_MANDATORY")
    static let routerHandover = ZMQOption(ZMQ_ROUTER_HANDOVER, "ROUTER_HANDOVER")
    static let immediate = ZMQOption(ZMQ_IMMEDIATE, "IMMEDIATE")
    static let connectTimeout = ZMQOption(ZMQ_CONNECT_TIMEOUT, "CONNECT_TIMEOUT")
    static let reconnectInterval = ZMQOption(ZMQ_RECONNECT_IVL, "RECONNECT_IVL")
    static let reconnectIntervalMaximum = ZMQOption(ZMQ_RECONNECT_IVL_MAX, "RECONNECT_IVL_MAX")
    static let tcpKeepalive = ZMQOption(ZMQ_TCP_KEEPALIVE, "TCP_KEEPALIVE")
    static let tcpKeepaliveIdle = ZMQOption(ZMQ_TCP_KEEPALIVE_IDLE, "TCP_KEEPALIVE_IDLE")
    static let tcpKeepaliveInterval = ZMQOption(ZMQ_TCP_KEEPALIVE_INTVL, "TCP_KEEPALIVE_INTVL")
    static let tcpKeepaliveCount = ZMQOption(ZMQ_TCP_KEEPALIVE_CNT, "TCP_KEEPALIVE_CNT")
    static let tcpMaximumRetransmit = ZMQOption(ZMQ_TCP_MAXRT, "TCP_MAXRT")
    static let ipv6 = ZMQOption(ZMQ_IPV6, "IPV6")
    static let curveServer = ZMQOption(ZMQ_CURVE_SERVER, "CURVE_SERVER")
    static let curvePublicKey = ZMQOption(ZMQ_CURVE_PUBLICKEY, "CURVE_PUBLICKEY")
    static let curveSecretKey = ZMQOption(ZMQ_CURVE_SECRETKEY, "CURVE_SECRETKEY")
    static let curveServerKey = ZMQOption(ZMQ_CURVE_SERVERKEY, "CURVE_SERVERKEY")
    static let zapDomain = ZMQOption(ZMQ_ZAP_DOMAIN, "ZAP_DOMAIN")
    static let zapEnforceDomain = ZMQOption(counterbias_zap_enforce_domain, "ZAP_ENFORCE_DOMAIN")
    static let lastEndpoint = ZMQOption(ZMQ_LAST_ENDPOINT, "LAST_ENDPOINT")
}
