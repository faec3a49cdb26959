package io.pilus.cli;

import io.pilus.lab.LabState;
import io.pilus.lab.LabState.PodState;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Prober;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pilus connect}. */
@Command(
        name = "connect",
        mixinStandardHelpOptions = true,
        description =
                "Tries a connection from a pod of a cluster on this machine: './pilus connect shop/frontend shop/api 8080'."
                        + " Ends with 0 when it was answered, 1 when not.")
final class ConnectCommand implements Callable<Integer> {

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    @Mixin
    Cluster cluster = new Cluster();

    @Parameters(index = "0", paramLabel = "FROM", description = "a pod, as NAMESPACE/NAME")
    String from = "";

    @Parameters(index = "1", paramLabel = "TO", description = "a pod, as NAMESPACE/NAME, or an address")
    String to = "";

    @Parameters(index = "2", paramLabel = "PORT")
    int port;

    @Option(names = "--udp", description = "by UDP, not TCP")
    boolean udp;

    @Option(
            names = {"-6", "--ipv6"},
            description = "to the pod's IPv6 address")
    boolean ipv6;

    @Override
    public Integer call() throws Exception {
        Console console = Console.standard();
        LabState lab = cluster.lab();
        String address = to.indexOf('/') < 0
                ? to
                : pod(lab, to).addresses().stream()
                        .filter(a -> a.indexOf(':') >= 0 == ipv6)
                        .findFirst()
                        .orElseThrow(() -> new UserException(to + " has no such address"));
        try (Prober prober = Prober.of(pod(lab, from))) {
            ProbeResult result = console.during(
                    "waiting for an answer",
                    () -> prober.probe(udp ? Transport.UDP : Transport.TCP, address, port, PATIENCE)
                            .join());
            String outcome = result.outcome().name().toLowerCase(Locale.ROOT);
            console.print(String.format("%s %.1f ms %s", outcome, result.took().toNanos() / 1e6, result.detail())
                    .strip());
            return result.answered() ? 0 : 1;
        }
    }

    private static PodState pod(LabState lab, String name) {
        return lab.pods().stream()
                .filter(pod -> name.equals(pod.namespace() + "/" + pod.name()))
                .findFirst()
                .orElseThrow(() -> new UserException("no pod '" + name + "' in lab " + lab.name() + "; there are "
                        + lab.pods().stream()
                                .map(pod -> pod.namespace() + "/" + pod.name())
                                .toList()));
    }
}
