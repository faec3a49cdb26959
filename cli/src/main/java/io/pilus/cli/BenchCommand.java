package io.pilus.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/** {@code pilus bench}: hands over to testing/benchmarks, in a process of its own. */
@Command(
        name = "bench",
        description =
                "Measures against the gates of the design, each beside its peer in the same run. '--list' names them.")
final class BenchCommand implements Callable<Integer> {

    @Unmatched
    List<String> arguments = new ArrayList<>();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Path target =
                Path.of(Optional.ofNullable(System.getenv("PILUS_HOME")).orElse("."), "testing/benchmarks/target");
        if (!Files.isDirectory(target.resolve("lib"))) {
            throw new UserException("the benchmarks are not built: there is no " + target.resolve("lib")
                    + "; './pilus bench' builds them");
        }
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                target.resolve("classes") + ":" + target.resolve("lib") + "/*",
                "io.pilus.bench.Bench"));
        command.addAll(arguments);
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
