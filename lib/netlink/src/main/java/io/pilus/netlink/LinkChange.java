package io.pilus.netlink;

import org.jspecify.annotations.Nullable;

/** What to change of a device; null leaves it as it is. */
public record LinkChange(
        @Nullable String name,
        @Nullable Boolean up,
        @Nullable Integer mtu,
        @Nullable MacAddress mac,
        @Nullable Boolean arp) {

    public static LinkChange toUp() {
        return new LinkChange(null, true, null, null, null);
    }

    public static LinkChange toDown() {
        return new LinkChange(null, false, null, null, null);
    }

    public static LinkChange toName(String name) {
        return new LinkChange(name, null, null, null, null);
    }

    public LinkChange withMtu(int newMtu) {
        return new LinkChange(name, up, newMtu, mac, arp);
    }

    public LinkChange withMac(MacAddress newMac) {
        return new LinkChange(name, up, mtu, newMac, arp);
    }

    public LinkChange withArp(boolean answers) {
        return new LinkChange(name, up, mtu, mac, answers);
    }
}
