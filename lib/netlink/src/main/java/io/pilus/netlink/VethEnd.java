package io.pilus.netlink;

import org.jspecify.annotations.Nullable;

/**
 * One end of a veth pair that is to be made; it is down at first.
 *
 * @param namespace where it appears; null: where the socket is
 */
public record VethEnd(
        String name,
        MacAddress mac,
        int mtu,
        boolean arp,
        @Nullable NetworkNamespace namespace) {}
