package io.pilus.cli;

import io.pilus.lab.StoreBackup;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pilus backup}. */
@Command(
        name = "backup",
        mixinStandardHelpOptions = true,
        description = {
            "Writes a checked snapshot of the store into a file, while everything runs on.",
            "For an etcd with TLS set ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY."
        })
final class BackupCommand implements Callable<Integer> {

    @Mixin
    Cluster cluster = new Cluster();

    @Parameters(paramLabel = "FILE", description = "must not exist yet")
    Path file = Path.of("");

    @Option(
            names = "--endpoints",
            paramLabel = "URL",
            description = "a member of the etcd; by default that of the cluster on this machine")
    @Nullable
    String endpoints;

    @Override
    public Integer call() {
        Console console = Console.standard();
        String from = endpoints == null ? cluster.lab().etcd().toString() : endpoints;
        StoreBackup.Summary saved = console.during("reading the store at " + from, () -> StoreBackup.save(from, file));
        console.print("%s holds the store %s (restored %d times) at revision %d: %d keys, %d bytes"
                .formatted(file, saved.clusterId(), saved.restores(), saved.revision(), saved.keys(), saved.bytes()));
        return 0;
    }
}
