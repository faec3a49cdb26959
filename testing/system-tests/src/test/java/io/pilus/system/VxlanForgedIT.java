package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.Routing;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class VxlanForgedIT extends ForgedPackets {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENT = Duration.ofSeconds(60);

    VxlanForgedIT() {
        super("pffo", 246, Routing.VXLAN);
    }

    @Test
    void fromOutsideNobodySpeaksAsANodeOrAPod() throws Exception {
        Node node = lab().node("n2");
        Pod far = pod("far");
        Pod trusted = pod("trusted");
        String n1 = lab().node("n1").ipv4();
        String outside = lab().outsideIpv4();
        Map<String, ObjectNode> forged = new TreeMap<>();
        forged.put(
                "DROP_NODE_SOURCE",
                natively(List.of(node.ipv4(), far.ipv4(), pod("open").ipv4())));
        forged.put("DROP_POOL_SOURCE", natively(List.of(trusted.ipv4())));
        forged.put("DROP_TUNNEL_NODE", tunnelled(outside, trusted.ipv4(), trusted.identity()));
        forged.put("DROP_TUNNEL_IDENTITY", tunnelled(n1, trusted.ipv4(), 1));
        forged.put("DROP_TUNNEL_SOURCE", tunnelled(n1, pod("open").ipv4(), trusted.identity()));
        String mac = JSON.readTree(lab().exec(node.netns(), "ip", "-j", "link", "show", "eth0"))
                .path(0)
                .path("address")
                .asText();
        for (Map.Entry<String, ObjectNode> kind : forged.entrySet()) {
            long before = dropped(node, kind.getKey());
            var watch = new Watch("far");
            kind.getValue().put("node_mac", mac).put("node", node.ipv4()).put("victim", far.ipv4());

            String outsideNetns = node.netns().replace("n2", "out");
            long sent = Long.parseLong(
                    forge(outsideNetns, "send", "outside", kind.getValue().toString())
                            .strip());

            assertThat(watch.forged()).as(kind.getKey()).isEmpty();
            await().atMost(PATIENT).until(() -> dropped(node, kind.getKey()) >= before + sent);
        }
        assertOwnTrafficGoesOn();
        row(
                "from outside: the addresses of nodes and pods, and VXLAN",
                "raw frames from a host of the underlay to a node: as that node, its pod and another's; in VXLAN from no"
                        + " node, with VNI 1, and with a pod of the receiver inside",
                7,
                "from_netdev and overlay_receive: without the first's check of this node's address the pod saw datagrams as from"
                        + " its node");
    }

    private static ObjectNode natively(List<String> sources) {
        ObjectNode parameters = JSON.createObjectNode().put("kind", "node");
        sources.forEach(parameters.putArray("sources")::add);
        return parameters;
    }

    private static ObjectNode tunnelled(String outer, String source, int vni) {
        ObjectNode parameters = JSON.createObjectNode().put("kind", "tunnel");
        parameters.putArray("tunnelled").addArray().add(outer).add(source).add(vni);
        return parameters;
    }
}
