package io.pilus.cli;

import io.pilus.lab.Conversation;
import io.pilus.lab.Flow;
import io.pilus.lab.FlowWatch;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Pod;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pilus demo}. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = {
            "Shows two nodes with a small shop of pods on this machine, and what a policy changes.",
            "Each line names the rule that decided. Ends with 1 when a verdict is not the expected one. Leaves nothing behind."
        })
final class DemoCommand implements Callable<Integer> {

    /** The name of its cluster; another than that of 'up', so that both can run at once. */
    static final String LAB = "pd";

    private static final int NETWORK = 1;
    private static final Duration PATIENCE = Duration.ofMillis(700);
    private static final Duration FLOW_PATIENCE = Duration.ofSeconds(3);

    @Option(names = "--keep", description = "leave the cluster running; './pilus down' ends it")
    boolean keep;

    @Option(
            names = "--routing",
            defaultValue = "VXLAN",
            description =
                    "how pods' packets travel between nodes: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    Routing routing = Routing.VXLAN;

    private final Console console = Console.standard();
    private int surprises;

    @Override
    public Integer call() throws InterruptedException {
        console.print(Console.bold("Starting a cluster of two nodes on this machine"));
        Lab lab = Lab.start(LabConfig.named(LAB)
                .network(NETWORK)
                .routing(routing)
                .progress(console)
                .build());
        boolean done = false;
        try {
            show(lab);
            done = true;
        } finally {
            if (keep && done) {
                lab.leave();
                console.print(
                        "\nThe cluster stays: ./pilus status, ./pilus flows --follow, ./pilus connect lobby/attacker"
                                + " shop/db " + Shop.DB_PORT + "; ./pilus down ends it.");
            } else {
                lab.close();
            }
        }
        console.print("");
        console.print(
                surprises == 0
                        ? Console.green("Every verdict was the expected one.")
                        : Console.red(surprises + " verdicts were not the expected ones."));
        return surprises == 0 ? 0 : 1;
    }

    private void show(Lab lab) throws InterruptedException {
        Shop.open(lab, console);
        FlowWatch flows = new FlowWatch(lab);
        Pod frontend = lab.pod(Shop.NAMESPACE, "frontend");
        Pod api = lab.pod(Shop.NAMESPACE, "api");
        Pod db = lab.pod(Shop.NAMESPACE, "db");
        Pod attacker = lab.pod("lobby", "attacker");
        console.print("");
        Table pods = new Table("POD", "NODE", "IDENTITY", "ADDRESSES");
        for (Pod pod : lab.pods()) {
            pods.row(pod.toString(), pod.node(), Integer.toString(pod.identity()), String.join(", ", pod.addresses()));
        }
        pods.lines().forEach(console::print);

        console.print(Console.bold("\nBefore: no policy, so everybody reaches everybody"));
        attempt(
                flows,
                new Attempt(frontend, api, Shop.API_PORT, true),
                new Attempt(api, db, Shop.DB_PORT, true),
                new Attempt(frontend, db, Shop.DB_PORT, true),
                new Attempt(attacker, api, Shop.API_PORT, true),
                new Attempt(attacker, db, Shop.DB_PORT, true));
        Conversation open = attacker.prober().converse(Transport.TCP, db.ipv4(), Shop.DB_PORT, Duration.ofMillis(10));

        console.print(Console.bold("\nTwo policies by REST (PUT " + lab.restUri(Service.POLICY)
                + "/v1/documents/NetworkPolicy/shop/...?wait=enforced)"));
        apply(lab, "api-from-frontend", "api", "frontend", Shop.API_PORT);
        apply(lab, "db-from-api", "db", "api", Shop.DB_PORT);

        console.print(Console.bold("\nAfter: only frontend reaches api, only api reaches db"));
        flows.forget();
        attempt(
                flows,
                new Attempt(frontend, api, Shop.API_PORT, true),
                new Attempt(api, db, Shop.DB_PORT, true),
                new Attempt(frontend, db, Shop.DB_PORT, false),
                new Attempt(attacker, api, Shop.API_PORT, false),
                new Attempt(attacker, db, Shop.DB_PORT, false));
        long received = open.look().received();
        Thread.sleep(200);
        boolean cut = open.stop().received() == received;
        expect(
                cut,
                "the connection from " + attacker + " to " + db + " that was open before: "
                        + (cut ? "cut" : "still going on"));
    }

    private void attempt(FlowWatch flows, Attempt... attempts) throws InterruptedException {
        List<CompletableFuture<ProbeResult>> results = new ArrayList<>();
        for (Attempt attempt : attempts) {
            for (String address : List.of(attempt.to().ipv4(), attempt.to().ipv6())) {
                results.add(attempt.from().prober().probe(Transport.TCP, address, attempt.port(), PATIENCE));
            }
        }
        for (int i = 0; i < attempts.length; i++) {
            Attempt attempt = attempts[i];
            boolean ipv4 = results.get(2 * i).join().answered();
            boolean ipv6 = results.get(2 * i + 1).join().answered();
            String outcome = ipv4 && ipv6 ? "answered" : !ipv4 && !ipv6 ? "silence" : "IPv4 and IPv6 differ";
            Optional<Flow> flow = flows.await(attempt::explains, FLOW_PATIENCE);
            String because = flow.map(seen -> seen.document().isEmpty() ? seen.verdict() : seen.rule())
                    .orElse("no flow says why");
            expect(
                    ipv4 == attempt.passes() && ipv6 == attempt.passes() && flow.isPresent(),
                    String.format(
                            "%-14s -> %s:%-5d  %-9s  %s",
                            attempt.from(), attempt.to(), attempt.port(), outcome, because));
        }
    }

    private void expect(boolean expected, String line) {
        console.print((expected ? Console.green("  as expected   ") : Console.red("  NOT EXPECTED  ")) + line);
        surprises += expected ? 0 : 1;
    }

    private void apply(Lab lab, String name, String subject, String peer, int port) {
        String policy = policy(name, subject, peer, port);
        PolicyWrite written = PolicyWrite.apply(
                lab.rest(Service.POLICY), Kind.document("NetworkPolicy", Shop.NAMESPACE, name), policy, true);
        written.laggards().forEach(laggard -> console.print("  " + laggard));
        expect(written.isEnforced(), "NetworkPolicy " + Shop.NAMESPACE + "/" + name + " " + written.summary());
    }

    private static String policy(String name, String subject, String peer, int port) {
        return """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"namespace": "shop", "name": "%s"},
                 "spec": {"podSelector": {"matchLabels": {"app": "%s"}}, "policyTypes": ["Ingress"],
                          "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "%s"}}}],
                                       "ports": [{"protocol": "TCP", "port": %d}]}]}}
                """.formatted(name, subject, peer, port);
    }

    /** A connection to try, and whether it should be answered. */
    private record Attempt(Pod from, Pod to, int port, boolean passes) {

        /** Whether the flow is the receiver's verdict on this connection. */
        boolean explains(Flow flow) {
            return flow.isDrop() != passes
                    && flow.direction().equalsIgnoreCase("ingress")
                    && from.addresses().contains(flow.source().address())
                    && to.addresses().contains(flow.destination().address())
                    && flow.destination().port() == port;
        }
    }
}
