package io.pilus.system;

import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Prober;
import java.util.List;
import java.util.Map;

/**
 * Somebody who makes or takes connections: a pod, a node, or who is outside.
 *
 * @param namespace empty for who is no pod
 * @param node where a pod is, or which a node is; empty outside
 */
record Party(
        String namespace,
        String name,
        String node,
        Map<String, String> labels,
        List<Port> ports,
        String ipv4,
        String ipv6,
        Prober prober) {

    boolean isPod() {
        return !namespace.isEmpty();
    }

    String address(boolean six) {
        return six ? ipv6 : ipv4;
    }

    @Override
    public String toString() {
        return isPod() ? namespace + "/" + name : name;
    }
}
