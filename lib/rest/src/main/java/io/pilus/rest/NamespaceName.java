package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Name of a namespace, as Kubernetes allows it. */
public record NamespaceName(@JsonValue String value) {

    /**
     * @throws ProblemException 400 when the name is not allowed
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public NamespaceName {
        Names.label("namespace", value);
    }

    @Override
    public String toString() {
        return value;
    }
}
