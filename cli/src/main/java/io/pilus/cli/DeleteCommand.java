package io.pilus.cli;

import io.pilus.lab.Rest;
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

    @Option(
            names = "--wait",
            description =
                    "until every node concerned has taken the policy out of its kernel; ends with 1 if one has not")
    boolean wait;

    @Override
    public Integer call() {
        Console console = Console.standard();
        Kind wanted = Kind.of(kind);
        if (wanted == Kind.IDENTITY) {
            throw new UserException("identities come and go with the workloads that have them; delete those");
        }
        if (wait && wanted != Kind.POLICY) {
            throw new UserException("--wait is for policies; a " + wanted.word() + " is not waited for");
        }
        Rest rest = cluster.service(wanted.service());
        String path = wanted.path(namespace, name);
        String what = wanted.word() + " " + name;
        if (wanted == Kind.POLICY) {
            PolicyWrite written = console.during("deleting " + what, () -> PolicyWrite.delete(rest, path, wait));
            console.print(what + " " + written.summary());
            written.laggards().forEach(laggard -> console.print("  " + laggard));
            return written.laggards().isEmpty() ? 0 : 1;
        }
        console.during("deleting " + what, () -> rest.delete(path).orThrow());
        console.print(what + " deleted");
        return 0;
    }
}
