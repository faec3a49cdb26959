package io.pilus.cli;

import java.io.Serial;

/** The user asked for something that cannot be; the message says what would be right. */
final class UserException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1;

    UserException(String message) {
        super(message);
    }
}
