package io.pilus.lab;

import java.io.Serial;

/** The lab could not be made, or not be used; the message says what failed and what the failing part said. */
public final class LabException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1;

    public LabException(String message) {
        super(message);
    }

    public LabException(String message, Throwable cause) {
        super(message, cause);
    }
}
