package io.pilus.system;

import io.pilus.lab.Transport;

/**
 * A connection that might be made.
 *
 * @param six by IPv6
 */
record Connection(Party from, Party to, Transport transport, int port, boolean six) {

    @Override
    public String toString() {
        return from + " -> " + to + " " + transport + " " + port + (six ? " IPv6" : " IPv4");
    }
}
