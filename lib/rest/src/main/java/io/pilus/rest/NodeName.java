package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Name of a node, as Kubernetes allows it. */
public record NodeName(@JsonValue String value) {

    /**
     * @throws ProblemException 400 when the name is not allowed
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public NodeName {
        Names.subdomain("node", value);
    }

    @Override
    public String toString() {
        return value;
    }
}
