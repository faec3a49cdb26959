package io.pilus.node.ipam;

import java.util.regex.Pattern;

/** Who has a lease: an interface of a container, as the container runtime names them. A pod's new sandbox is another container. */
public record Holder(String containerId, String interfaceName) {

    private static final Pattern CONTAINER = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,255}");
    private static final Pattern INTERFACE = Pattern.compile("[^/:\\s]{1,15}");

    /**
     * @throws IllegalArgumentException when CNI allows no such names
     */
    public Holder {
        if (!CONTAINER.matcher(containerId).matches()) {
            throw new IllegalArgumentException(
                    "'" + containerId
                            + "' is no container id; write at most 256 of letters, digits, '_', '.' and '-', a letter or digit first");
        }
        if (!INTERFACE.matcher(interfaceName).matches()) {
            throw new IllegalArgumentException("'" + interfaceName
                    + "' is no interface name; write at most 15 characters without '/', ':' and white space");
        }
    }

    @Override
    public String toString() {
        return containerId + "/" + interfaceName;
    }
}
