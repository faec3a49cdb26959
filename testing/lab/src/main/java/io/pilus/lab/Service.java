package io.pilus.lab;

/** The services of the control plane. */
public enum Service {
    IDENTITY("identity-service", 8081),
    POLICY("policy-service", 8082),
    IPAM("ipam-service", 8083);

    private final String module;
    private final int port;

    Service(String module, int port) {
        this.module = module;
        this.port = port;
    }

    /** Its directory in the source tree, and the name of its process. */
    public String module() {
        return module;
    }

    /** The name of a replica's process: the module's, with a number from the second on. */
    String replica(int number) {
        return number == 1 ? module : module + "-" + number;
    }

    public int port() {
        return port;
    }
}
