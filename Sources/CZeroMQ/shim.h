// SPDX-License-Identifier: Apache-2.0

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <zmq.h>

/* ZMQ_ZAP_ENFORCE_DOMAIN: libzmq takes it since 4.3 but declares it with the draft API only. */
static const int counterbias_zap_enforce_domain = 93;

/* Variadic, so out of Swift's reach. The kernel keeps the first 15 bytes. */
static inline void counterbias_name_this_thread(const char *name) {
    (void)prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}
