package io.pilus.cli;

import io.pilus.lab.LabException;
import io.pilus.lab.RestException;
import io.quarkus.picocli.runtime.PicocliCommandLineFactory;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Produces;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import picocli.CommandLine;

/** How commands are run: what the user can mend is told in a message, anything else with its stack. */
@ApplicationScoped
class CommandLines {

    @Produces
    CommandLine commandLine(PicocliCommandLineFactory factory) {
        return factory.create()
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler((exception, command, _) -> {
                    Throwable cause = exception instanceof CompletionException && exception.getCause() != null
                            ? exception.getCause()
                            : exception;
                    switch (cause) {
                        case UserException e -> command.getErr().println("pilus: " + e.getMessage());
                        case RestException e -> command.getErr().println("pilus: " + e.getMessage());
                        case LabException e -> {
                            command.getErr().println("pilus: " + e.getMessage());
                            Optional.ofNullable(e.getCause())
                                    .map(Throwable::getMessage)
                                    .ifPresent(reason -> command.getErr().println("  (" + reason + ")"));
                        }
                        default -> throw exception;
                    }
                    return CommandLine.ExitCode.SOFTWARE;
                });
    }
}
