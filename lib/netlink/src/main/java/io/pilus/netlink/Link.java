package io.pilus.netlink;

/**
 * A network device as it is now.
 *
 * @param mac all zero where the device has none
 * @param kind of a virtual device, e.g. {@code veth}; else empty
 * @param peer index of the other end in its own namespace, or 0
 */
public record Link(int index, String name, MacAddress mac, int mtu, boolean up, boolean arp, String kind, int peer) {}
