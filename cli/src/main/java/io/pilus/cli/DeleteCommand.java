package io.pilus.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pilus delete}. */
@Command(
        name = "delete",
        mixinStandardHelpOptions = true,
        description = "Removes a policy, workload, pool, namespace or node.")
final class DeleteCommand implements Callable<Integer> {

    @Mixin
    Cluster cluster = new Cluster();

    @Parameters(index = "0", paramLabel = "KIND")
    String kind = "";

    @Parameters(index = "1", paramLabel = "NAME")
    String name = "";

    @Option(
            names = {"-n", "--namespace"},
            defaultValue = "default",
            description = "default: ${DEFAULT-VALUE}")
    String namespace = "default";

    @Option(names = "--wait", description = "until every node concerned has taken the policy out of its kernel")
    boolean wait;

    @Override
    public Integer call() {
        Console console = Console.standard();
        Kind wanted = Kind.of(kind);
        if (wanted == Kind.IDENTITY) {
            throw new UserException("identities come and go with the workloads that have them; delete those");
        }
        cluster.service(wanted.service()).delete(wanted.path(namespace, name)).orThrow();
        console.print(wanted.word() + " " + name + " deleted");
        return 0;
    }
}
