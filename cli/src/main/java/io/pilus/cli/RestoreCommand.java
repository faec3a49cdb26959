package io.pilus.cli;

import io.pilus.lab.Lab;
import io.pilus.lab.StoreBackup;
import io.pilus.lab.StoreBackup.Member;
import io.pilus.lab.StoreBackup.Restored;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pilus restore}. */
@Command(
        name = "restore",
        mixinStandardHelpOptions = true,
        description = {
            "Puts a backup back into the cluster on this machine, or into the data directory of a stopped etcd.",
            "What nodes have that the backup lacks is taken over from them: no pod loses its connections, its address or its"
                    + " identity. Policies written since the backup are gone; apply them again."
        })
final class RestoreCommand implements Callable<Integer> {

    @Mixin
    Cluster cluster = new Cluster();

    @Parameters(paramLabel = "FILE", description = "what 'pilus backup' wrote")
    Path file = Path.of("");

    @Option(
            names = "--data-dir",
            paramLabel = "DIR",
            description = "of an etcd with one member; stop it and Pilus' services first. What is there is set aside")
    @Nullable
    Path data;

    @Option(names = "--name", defaultValue = "default", description = "of that member (default: ${DEFAULT-VALUE})")
    String name = "";

    @Option(
            names = "--peer-url",
            paramLabel = "URL",
            defaultValue = "http://localhost:2380",
            description = "where that member listens to others (default: ${DEFAULT-VALUE})")
    String peerUrl = "";

    @Option(
            names = "--prepare",
            paramLabel = "OUT",
            description =
                    "only make of the backup a file that 'etcdutl snapshot restore' puts back on every member of a larger cluster")
    @Nullable
    Path prepared;

    @Option(
            names = "--restores",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "with --prepare: how often the store was restored so far, as GET /v1/status of an agent says behind the first /; for a backup older than the last restore")
    long restores;

    @Option(
            names = "--bump-revision",
            paramLabel = "N",
            defaultValue = "1000000000",
            description = "more than was written since the backup (default: ${DEFAULT-VALUE})")
    long bump = StoreBackup.BUMP;

    @Override
    public Integer call() {
        Console console = Console.standard();
        Path into = data;
        Path out = prepared;
        if (into != null && out != null) {
            throw new UserException("--data-dir and --prepare exclude each other");
        }
        Restored restored;
        if (out != null) {
            if (out.toFile().exists()) {
                throw new UserException(out + " exists already; name a file that does not, or remove it");
            }
            restored = StoreBackup.prepare(file, out, restores, bump);
            console.print("Next, with Pilus' services and all members stopped, on each member:");
            console.print(
                    "  etcdutl snapshot restore %s --data-dir NEW --name NAME --initial-cluster ... --initial-advertise-peer-urls ... --initial-cluster-token pilus-%d-%d"
                            .formatted(out, restored.restores(), restored.revision()));
            console.print("with the same token on all; then start the members on NEW, then the services.");
        } else if (into != null) {
            restored = StoreBackup.replace(file, Member.alone(into, name, peerUrl), bump);
            console.print("Next: start etcd on " + into + ", then Pilus' services.");
        } else {
            restored = Lab.restore(cluster.lab(), file, console);
        }
        console.print("The store is %s, restored %d times, at revision %d."
                .formatted(restored.clusterId(), restored.restores(), restored.revision()));
        restored.aside().ifPresent(old -> console.print("What was there before lies in " + old + "."));
        console.print("Nodes report now what they have; './pilus status' shows when all have gone on, and alarms of"
                + " identity-service (GET /v1/alarms) what is in the way.");
        return 0;
    }
}
