package io.pilus.cli;

import io.pilus.lab.Lab;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Progress;
import java.util.List;
import java.util.Map;

/** A small shop of pods, spread over the nodes. */
final class Shop {

    static final String NAMESPACE = "shop";
    static final int API_PORT = 8080;
    static final int DB_PORT = 5432;

    private Shop() {}

    static void open(Lab lab, Progress progress) {
        String first = lab.nodes().getFirst().name();
        String last = lab.nodes().getLast().name();
        lab.putNamespace(NAMESPACE, Map.of("team", "shop"));
        lab.putNamespace("lobby", Map.of());
        List<PodSpec> pods = List.of(
                PodSpec.of(NAMESPACE, "frontend", first, Port.tcp(80)),
                PodSpec.of(NAMESPACE, "api", last, Port.tcp(API_PORT)),
                PodSpec.of(NAMESPACE, "db", first, Port.tcp(DB_PORT)),
                PodSpec.of("lobby", "attacker", last, Port.tcp(80)));
        lab.run(pods);
        progress.say(pods.size() + " pods are attached");
    }
}
