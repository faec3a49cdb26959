package io.pilus.lab;

import java.io.Serial;

/** The lab could not be made, or not be used; the message says what failed and what the failing part said. */
public sealed class LabException extends RuntimeException permits RestException {

    @Serial
    private static final long serialVersionUID = 1;

    public LabException(String message) {
        super(message);
    }

    public LabException(String message, Throwable cause) {
        super(message, cause);
    }
}
