package io.pilus.cli;

import io.quarkus.picocli.runtime.annotations.TopCommand;
import picocli.CommandLine.Command;

/** The commands, as {@code ./pilus --help} lists them. */
@TopCommand
@Command(
        name = "pilus",
        mixinStandardHelpOptions = true,
        version = "pilus 0.1.0",
        description = "Connects, load-balances and secures pods with BPF.",
        subcommands = {
            DemoCommand.class,
            UpCommand.class,
            DownCommand.class,
            StatusCommand.class,
            GetCommand.class,
            ApplyCommand.class,
            DeleteCommand.class,
            FlowsCommand.class,
            ConnectCommand.class,
            BackupCommand.class,
            RestoreCommand.class,
            BenchCommand.class
        })
final class PilusCommand {}
