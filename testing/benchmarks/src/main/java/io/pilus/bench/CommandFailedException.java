package io.pilus.bench;

import java.util.List;

/** A program of the system could not be started or ended in failure. */
final class CommandFailedException extends RuntimeException {

    private static final long serialVersionUID = 1;

    CommandFailedException(List<String> command, String reason) {
        super("'" + String.join(" ", command) + "': " + reason);
    }
}
