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

    public int port() {
        return port;
    }
}
