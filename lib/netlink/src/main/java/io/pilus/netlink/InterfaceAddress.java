package io.pilus.netlink;

/**
 * An address of a device.
 *
 * @param global neither link-local nor of the host alone
 * @param usable as a source: neither tentative nor deprecated nor a duplicate nor temporary
 */
public record InterfaceAddress(int ifindex, Subnet address, boolean global, boolean usable) {}
