package io.pilus.cli;

import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.LabState;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pilus up}. */
@Command(
        name = "up",
        mixinStandardHelpOptions = true,
        description = {
            "Starts a cluster of network-namespace nodes on this machine, and leaves it running.",
            "The pods of the demo's shop run on it. What an earlier one left is cleaned up first."
        })
final class UpCommand implements Callable<Integer> {

    /** The name of the cluster; also what its namespaces' names begin with. */
    static final String LAB = "pl";

    @Option(names = "--nodes", defaultValue = "2", description = "how many nodes (default: ${DEFAULT-VALUE})")
    int nodes;

    @Option(
            names = "--routing",
            defaultValue = "VXLAN",
            description =
                    "how pods' packets travel between nodes: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    Routing routing = Routing.VXLAN;

    @Option(names = "--empty", description = "without the pods of the shop")
    boolean empty;

    @Override
    public Integer call() {
        Console console = Console.standard();
        Lab lab = Lab.start(LabConfig.named(LAB)
                .nodes(nodes)
                .routing(routing)
                .progress(console)
                .build());
        if (!empty) {
            Shop.open(lab, console);
        }
        lab.leave();
        LabState state = LabState.read(LabState.LABS.resolve(LAB)).orElseThrow();
        console.print("");
        console.print("A cluster of " + nodes + (nodes == 1 ? " node" : " nodes") + " is running. Its services:");
        console.print("  " + Service.IDENTITY.module() + "  " + state.identity() + "/q/swagger-ui");
        console.print("  " + Service.POLICY.module() + "    " + state.policy() + "/q/swagger-ui");
        console.print("  " + Service.IPAM.module() + "      " + state.ipam() + "/q/swagger-ui");
        console.print("");
        console.print(
                "Next: ./pilus status, ./pilus get workloads, ./pilus apply -f policy.yaml, ./pilus flows --follow;"
                        + " ./pilus down ends it.");
        return 0;
    }
}
