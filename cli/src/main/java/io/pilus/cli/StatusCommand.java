package io.pilus.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Answer;
import io.pilus.lab.LabException;
import io.pilus.lab.LabState;
import io.pilus.lab.LabState.NodeState;
import io.pilus.lab.Rest;
import io.pilus.lab.Service;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pilus status}. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description =
                "Shows whether services and agents of a cluster on this machine are well. Ends with 1 when one is not.")
final class StatusCommand implements Callable<Integer> {

    @Mixin
    Cluster cluster = new Cluster();

    @Override
    public Integer call() {
        LabState lab = cluster.lab();
        Console console = Console.standard();
        boolean well = true;

        Table services = new Table("SERVICE", "ADDRESS", "HEALTH");
        for (Service service : Service.values()) {
            Health health = health(cluster.service(service));
            well &= health.up();
            services.row(service.module(), cluster.service(service).toString(), health.text());
        }
        services.lines().forEach(console::print);
        console.print("");

        Table nodes = new Table("NODE", "ADDRESS", "AGENT", "REALISED", "PODS");
        for (NodeState node : lab.nodes()) {
            Health health = health(Rest.at(node.management()));
            well &= health.up();
            nodes.row(
                    node.name(),
                    node.addresses().getFirst(),
                    health.text(),
                    realised(node),
                    Long.toString(lab.pods().stream()
                            .filter(pod -> pod.node().equals(node.name()))
                            .count()));
        }
        nodes.lines().forEach(console::print);
        return well ? 0 : 1;
    }

    private static String realised(NodeState node) {
        try {
            return Rest.at(Path.of(node.socket()))
                    .get("/v1/status")
                    .orThrow()
                    .json()
                    .path("realised")
                    .asText();
        } catch (LabException _) {
            return "unknown";
        }
    }

    private static Health health(Rest rest) {
        try {
            Answer answer = rest.send("GET", "/q/health", Map.of(), "");
            if (answer.succeeded()) {
                return new Health(true, "up");
            }
            for (JsonNode check : answer.json().path("checks")) {
                if (!check.path("status").asText().equals("UP")) {
                    return new Health(false, "down: " + check.path("name").asText() + " " + check.path("data"));
                }
            }
            return new Health(false, "down (" + answer.status() + ")");
        } catch (IOException e) {
            return new Health(false, "does not answer");
        }
    }

    private record Health(boolean up, String text) {}
}
