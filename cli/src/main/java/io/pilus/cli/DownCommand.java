package io.pilus.cli;

import io.pilus.lab.Lab;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pilus down}. */
@Command(
        name = "down",
        mixinStandardHelpOptions = true,
        description =
                "Ends the clusters that 'up' and 'demo --keep' left running, or that crashed, and removes all traces of them.")
final class DownCommand implements Callable<Integer> {

    @Option(names = "--lab", paramLabel = "NAME", description = "this one only")
    @Nullable
    String lab;

    @Override
    public Integer call() {
        Console console = Console.standard();
        for (String name : lab == null ? List.of(UpCommand.LAB, DemoCommand.LAB) : List.of(lab)) {
            console.during("removing cluster " + name, () -> {
                Lab.remove(name);
                return name;
            });
        }
        console.print("nothing is left");
        return 0;
    }
}
