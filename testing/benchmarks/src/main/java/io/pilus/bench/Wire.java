package io.pilus.bench;

/** An end of the veth pair between two nodes. */
enum Wire {
    LEFT("192.168.77.1", "fd00:77::1", "02:00:00:00:77:01"),
    RIGHT("192.168.77.2", "fd00:77::2", "02:00:00:00:77:02");

    private final String ipv4;
    private final String ipv6;
    private final String mac;

    Wire(String ipv4, String ipv6, String mac) {
        this.ipv4 = ipv4;
        this.ipv6 = ipv6;
        this.mac = mac;
    }

    String ipv4() {
        return ipv4;
    }

    String ipv6() {
        return ipv6;
    }

    /** Joins two namespaces by a device of this name in both. Each knows the other's link address for good. */
    static void join(String left, String right, String device) {
        Commands.runWords("ip link add %s netns %s address %s type veth peer name %s netns %s address %s"
                .formatted(device, left, LEFT.mac, device, right, RIGHT.mac));
        LEFT.configure(left, device, RIGHT);
        RIGHT.configure(right, device, LEFT);
    }

    private void configure(String namespace, String device, Wire other) {
        Commands.ip(namespace, """
                addr add %2$s/24 dev %1$s
                addr add %3$s/64 dev %1$s nodad
                link set %1$s up
                neigh replace %4$s lladdr %6$s dev %1$s nud permanent
                neigh replace %5$s lladdr %6$s dev %1$s nud permanent
                """.formatted(device, ipv4, ipv6, other.ipv4, other.ipv6, other.mac));
    }
}
